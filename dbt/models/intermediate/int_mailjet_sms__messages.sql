{{
    config(
        materialized='incremental',
        unique_key='message_id',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns',
    )
}}
{#- Nothing here depends on the time of the run: a message that no export brings again is never
    touched again. What ages (pending, settled) is worked out in the view on top. #}
with loads as (

    select * from {{ ref('stg_mailjet_sms__messages') }}
    {% if is_incremental() -%}
    -- A file lives seven days at Mailjet, so whatever was loaded since the last build was exported
    -- at most seven days before it. All rows of such a message, so that the newest wins as it does
    -- in a full refresh; chosen before they are sorted, which is several times faster.
    where message_id in (
        select message_id
        from {{ ref('stg_mailjet_sms__messages') }}
        where exported_at is null
            or exported_at >= (
                -- The table is empty, or was built without exported_at: then it is all of them
                select coalesce({{ mailjet_sms.days_after('max(exported_at)', -7) }}, cast('1970-01-01' as {{ dbt.type_timestamp() }}))
                from {{ this }}
            )
    )
    {%- endif %}

),

ranked as (

    -- A target that appends holds a message once per export
    select
        *,
        row_number() over (
            partition by message_id
            order by exported_at desc nulls last, window_end_at desc nulls last, export_id desc nulls last
        ) as newest
    from loads

),

messages as (

    select
        *,
        -- The first digits of an E.164 number; null for what is hashed or no number
        case
            when translate(recipient, '0123456789', '') in ('', '+')
                then left(replace(recipient, '+', ''), 8)
        end as digits
    from ranked
    where newest = 1

),

prefixes as (

    select prefix, length(prefix) as digits_taken, country_code
    from {{ ref('mailjet_sms_country_prefixes') }}

),

-- The longest prefix wins. Looked up once per distinct beginning and length, and by equality: joined
-- to each message, or by comparing beginnings, it does not end on Postgres from a million rows on.
beginnings as (

    select distinct digits from messages where digits is not null

),

lengths as (

    select distinct digits_taken from prefixes

),

tries as (

    select
        beginnings.digits,
        lengths.digits_taken,
        left(beginnings.digits, lengths.digits_taken) as beginning
    from beginnings
    cross join lengths

),

countries as (

    select
        tries.digits,
        -- The length is one digit, so the greatest of "1US", "4CA" is that of the longest prefix. Not
        -- a window: Postgres believes that the first of each is one row in all, and loops over it.
        substring(max(concat(cast(prefixes.digits_taken as {{ dbt.type_string() }}), prefixes.country_code)), 2) as country_code
    from tries
    join prefixes
        on tries.beginning = prefixes.prefix
        and tries.digits_taken = prefixes.digits_taken
    group by 1

),

statuses as (

    select * from {{ ref('mailjet_sms_statuses') }}

)

select
    messages.message_id,
    messages.sender,
    messages.recipient,
    coalesce(countries.country_code, 'ZZ') as country_code,
    messages.status_code,
    -- One name per code, whatever was loaded
    coalesce(statuses.status_name, messages.status_name) as status_name,
    coalesce(statuses.outcome, 'unconfirmed') as status_outcome,
    coalesce(statuses.is_final, false) as is_final,
    statuses.reached_operator,
    statuses.fault,
    messages.created_at,
    messages.sent_at,
    {{ mailjet_sms.seconds_between('messages.created_at', 'messages.sent_at') }} as send_seconds,
    messages.parts,
    messages.cost,
    messages.currency,
    messages.export_id,
    messages.exported_at,
    messages.window_end_at
from messages
left join statuses on messages.status_code = statuses.status_code
left join countries on messages.digits = countries.digits
