{#- What report.py shows, in one line of JSON: each figure a list of rows, each row a list of texts or
    nulls in the order of its select. Sums only: no message, no recipient. `=` stands before the data's
    texts, as dbt takes the text "null" for none. -#}
{% macro report_figures() %}
    {%- set daily = ref('mailjet_sms__daily') -%}
    {%- set outcomes = "sum(messages), sum(parts), sum(delivered), sum(concluded), sum(failed), sum(pending)" -%}
    {%- set queries = {
        'clock': "
            select max(as_of), cast(" ~ mailjet_sms.local_time('max(as_of)') ~ " as date),
                min(created_date), max(created_date)
            from " ~ ref('mailjet_sms__messages'),
        'days': "
            select created_date, min(case when is_settled then 1 else 0 end), " ~ outcomes ~ "
            from " ~ daily ~ " group by created_date",
        'spend': "
            select created_date, currency, sum(messages), sum(cost), sum(messages_without_cost)
            from " ~ daily ~ " group by created_date, currency",
        'months': "
            select currency, cost, change_to_date
            from " ~ ref('mailjet_sms__spend_monthly') ~ " where is_current",
        'countries': "
            select country_code, currency, sum(cost), " ~ outcomes ~ "
            from " ~ daily ~ " group by country_code, currency",
        'names': "
            select distinct country_code, country_name from " ~ ref('mailjet_sms_country_prefixes'),
        'senders': "
            select '=' || sender, " ~ outcomes ~ "
            from " ~ daily ~ " group by sender",
        'failures': "
            select created_date, status_code, '=' || status_name, fault, sum(messages)
            from " ~ ref('mailjet_sms__failures_daily') ~ " group by created_date, status_code, status_name, fault",
        'latency': "
            select created_date, p50_seconds, p95_seconds, p99_seconds
            from " ~ ref('mailjet_sms__latency_daily') ~ " where country_code = '*'",
        'stale': "
            select '=' || status_name, case when is_read_again then 1 else 0 end, count(*), min(created_at)
            from " ~ ref('mailjet_sms__stale') ~ " group by status_name, is_read_again",
    } -%}
    {%- set figures = {'mailjet_sms_report': var('mailjet_sms_timezone')} -%}
    {%- for name, query in queries.items() -%}
        {%- set rows = [] -%}
        {%- for row in run_query(query).rows -%}
            {%- set texts = [] -%}
            {%- for value in row.values() -%}
                {%- do texts.append(none if value is none else value | string) -%}
            {%- endfor -%}
            {%- do rows.append(texts) -%}
        {%- endfor -%}
        {%- do figures.update({name: rows}) -%}
    {%- endfor -%}
    {%- do print(tojson(figures)) -%}
{% endmacro %}
