{#- The loaded table holds a message as the newest export knew it; this keeps what it was before,
    from the first `dbt snapshot` on. Off by default. No number of a recipient in it. -#}
{% snapshot mailjet_sms__status_history %}
{{
    config(
        enabled=var('mailjet_sms_status_history'),
        unique_key='message_id',
        strategy='check',
        check_cols=['status_code', 'cost'],
    )
}}
select
    message_id,
    country_code,
    sender,
    status_code,
    status_name,
    status_outcome,
    is_final,
    created_at,
    cost,
    currency,
    exported_at
from {{ ref('int_mailjet_sms__messages') }}
{% endsnapshot %}
