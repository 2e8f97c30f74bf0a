{# Percentiles do not add up: this table is per day and country, with a row for all countries ('*'). #}
with sent as (

    select created_date, country_code, send_seconds
    from {{ ref('mailjet_sms__messages') }}
    where send_seconds >= 0  -- Mailjet's own example has one that was sent before it was created

),

sent_and_total as (

    select * from sent
    union all
    select created_date, '*' as country_code, send_seconds from sent

)

select
    created_date,
    country_code,
    count(*) as messages,
    {% for p in (50, 90, 95, 99) -%}
    cast(percentile_cont({{ p / 100 }}) within group (order by send_seconds) as double precision) as p{{ p }}_seconds,
    {% endfor -%}
    max(send_seconds) as max_seconds
from sent_and_total
group by 1, 2
