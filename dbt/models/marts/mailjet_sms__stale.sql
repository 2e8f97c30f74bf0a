{{ config(materialized='view') }}
{#- Messages without a final status for too long. -#}
select
    message_id,
    country_code,
    sender,
    status_code,
    status_name,
    created_at,
    cast(floor({{ mailjet_sms.seconds_between('created_at', 'as_of') }} / 3600.0) as {{ dbt.type_bigint() }}) as age_hours,
    outcome = 'pending' as is_read_again,
    cost,
    currency,
    as_of
from {{ ref('mailjet_sms__messages') }}
where outcome in ('pending', 'unconfirmed')
    and created_at < {{ mailjet_sms.days_after('as_of', -var('mailjet_sms_stale_hours') / 24) }}
