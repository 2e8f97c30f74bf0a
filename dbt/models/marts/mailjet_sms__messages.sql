{{ config(materialized='view', contract={'enforced': true}) }}
{%- set settle_days = var('mailjet_sms_settle_days') %}
with messages as (

    select * from {{ ref('int_mailjet_sms__messages') }}

),

clock as (

    -- The data's own now: what the newest export knew. With the computer's, a pipeline that stands
    -- still would turn pending into unconfirmed, and no two runs would agree.
    select coalesce(max(exported_at), max(window_end_at)) as as_of from messages

),

aged as (

    select
        messages.*,
        {{ mailjet_sms.local_time('messages.created_at') }} as created_local,
        clock.as_of,
        -- Read at that age or later, or too old to be read again: the tap spaces its readings, so
        -- the last one comes at up to a quarter more than its lookback.
        coalesce(messages.exported_at >= {{ mailjet_sms.days_after('messages.created_at', settle_days) }}, false)
            or clock.as_of > {{ mailjet_sms.days_after('messages.created_at', 1.25 * settle_days) }} as is_old
    from messages
    cross join clock

)

select
    message_id,
    sender,
    recipient,
    country_code,
    status_code,
    status_name,
    case
        when status_outcome in ('delivered', 'failed') then status_outcome
        when is_old then 'unconfirmed'
        else 'pending'
    end as outcome,
    is_final or is_old as is_settled,
    fault,
    reached_operator,
    created_at,
    sent_at,
    created_local,
    cast(created_local as date) as created_date,
    send_seconds,
    parts,
    cost,
    currency,
    exported_at,
    as_of
from aged
