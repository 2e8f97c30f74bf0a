with messages as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'created_local') }} as {{ dbt.type_timestamp() }}) as month_start
    from {{ ref('mailjet_sms__messages') }}

),

clock as (

    select
        {{ mailjet_sms.local_time('max(as_of)') }} as now_local,
        cast({{ dbt.date_trunc('month', mailjet_sms.local_time('max(as_of)')) }} as {{ dbt.type_timestamp() }}) as this_month,
        min(created_local) as first_local
    from messages

),

placed as (

    select
        messages.month_start,
        messages.currency,
        messages.cost,
        messages.parts,
        -- the same time into the month as now is into this one
        {{ mailjet_sms.seconds_between('messages.month_start', 'messages.created_local') }}
            < {{ mailjet_sms.seconds_between('clock.this_month', 'clock.now_local') }} as is_to_date,
        messages.month_start = clock.this_month as is_current
    from messages
    cross join clock

),

months as (

    select
        month_start,
        currency,
        is_current,
        count(*) as messages,
        cast(sum(coalesce(parts, 1)) as {{ dbt.type_bigint() }}) as parts,
        cast(coalesce(sum(cost), 0) as {{ mailjet_sms.type_money() }}) as cost,
        cast(coalesce(sum(case when is_to_date then cost end), 0) as {{ mailjet_sms.type_money() }}) as cost_to_date
    from placed
    group by 1, 2, 3

)

select
    cast(months.month_start as date) as month_start,
    months.currency,
    months.is_current,
    months.messages,
    months.parts,
    months.cost,
    previous.cost as cost_last_month,
    months.cost_to_date,
    previous.cost_to_date as cost_to_date_last_month,
    cast(
        (months.cost_to_date - previous.cost_to_date) / nullif(previous.cost_to_date, 0) as {{ mailjet_sms.type_money() }}
    ) as change_to_date
from months
left join months as previous
    on months.currency = previous.currency
    and previous.month_start = {{ dbt.dateadd('month', -1, 'months.month_start') }}
    -- a month that the history holds only in part compares with nothing
    and previous.month_start > (select {{ dbt.dateadd('day', -1, 'first_local') }} from clock)
