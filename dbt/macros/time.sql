{# A UTC timestamp without a zone, in the reporting time zone, again without a zone. #}
{% macro local_time(column) %}
    {%- if var('mailjet_sms_timezone') == 'UTC' -%}
        {{ column }}
    {%- else -%}
        {{ adapter.dispatch('local_time', 'mailjet_sms')(column, var('mailjet_sms_timezone')) }}
    {%- endif -%}
{% endmacro %}
{% macro default__local_time(column, zone) %}(({{ column }} at time zone 'UTC') at time zone '{{ zone }}'){% endmacro %}
{% macro snowflake__local_time(column, zone) %}convert_timezone('UTC', '{{ zone }}', {{ column }}){% endmacro %}

{# Whole seconds, rounded down, exact anywhere: dbt.datediff() counts the boundaries of the unit it is given. #}
{% macro seconds_between(first, second) %}{{ return(adapter.dispatch('seconds_between', 'mailjet_sms')(first, second)) }}{% endmacro %}
{% macro default__seconds_between(first, second) %}cast(floor(extract(epoch from ({{ second }} - {{ first }}))) as {{ dbt.type_bigint() }}){% endmacro %}
{% macro snowflake__seconds_between(first, second) %}cast(floor(datediff(millisecond, {{ first }}, {{ second }}) / 1000) as {{ dbt.type_bigint() }}){% endmacro %}

{# So many days later, parts of a day too; a negative number is earlier. #}
{% macro days_after(column, days) %}{{ dbt.dateadd('second', (days * 86400) | round | int, column) }}{% endmacro %}
