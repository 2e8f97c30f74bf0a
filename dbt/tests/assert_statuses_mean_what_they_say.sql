-- The judgement of each of Mailjet's statuses, once more, so that none changes by mistake.
{%- set judged = [
    (0, 'unknown', 'unconfirmed', false, true, 'unknown', false),
    (1, 'sent_pending', 'pending', false, false, none, false),
    (2, 'sent', 'pending', false, true, none, false),
    (3, 'delivered', 'delivered', true, true, none, false),
    (4, 'rejected_operator', 'failed', true, true, 'operator', false),
    (5, 'rejected_undelivered', 'failed', true, true, 'recipient', true),
    (6, 'rejected_expired', 'failed', true, true, 'recipient', true),
    (7, 'rejected_incorrect_delivery', 'failed', true, true, 'operator', false),
    (8, 'rejected_network', 'failed', true, true, 'operator', true),
    (9, 'rejected_dnd', 'failed', true, true, 'recipient', false),
    (10, 'rejected_from_blacklist', 'failed', true, false, 'sender', false),
    (11, 'rejected_to_blacklist', 'failed', true, false, 'recipient', false),
    (12, 'rejected_anti_flood', 'failed', true, false, 'sender', true),
    (13, 'rejected_system_error', 'failed', true, false, 'mailjet', true),
    (14, 'invalid_phone_number', 'failed', true, false, 'sender', false),
    (15, 'rejected_insufficent_funds', 'failed', true, false, 'sender', true),
    (16, 'rejected_daily_limit_reached', 'failed', true, false, 'sender', true),
] %}
with judged as (

    {% for code, name, outcome, is_final, reached_operator, fault, is_retryable in judged -%}
    select
        {{ code }} as status_code, '{{ name }}' as status_name, '{{ outcome }}' as outcome, {{ is_final }} as is_final,
        {{ reached_operator }} as reached_operator, '{{ fault or "" }}' as fault, {{ is_retryable }} as is_retryable
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

seeded as (

    select status_code, status_name, outcome, is_final, reached_operator, coalesce(fault, '') as fault, is_retryable
    from {{ ref('mailjet_sms_statuses') }}

),

missing as (

    select * from judged
    except
    select * from seeded

),

added as (

    select * from seeded
    except
    select * from judged

)

select * from missing
union all
select * from added
