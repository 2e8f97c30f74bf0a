{# The columns that the target made, {name: type}, in lower case; empty while parsing, and in unit tests. #}
{% macro source_columns() %}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(source('mailjet_sms', 'sms_messages')) -%}
            {%- do found.update({column.name | lower: column.data_type | lower}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{# A column of the source by its type; null where it was deselected in the tap's catalog. #}
{% macro source_column(found, name, type, required=false) %}
    {%- if not found or name in found -%}
        cast({{ name }} as {{ type }})
    {%- elif required -%}
        {{ exceptions.raise_compiler_error("mailjet_sms: the column `" ~ name ~ "` is missing in " ~ source('mailjet_sms', 'sms_messages') ~ "; select it in the tap") }}
    {%- else -%}
        cast(null as {{ type }})
    {%- endif -%}
{% endmacro %}

{# A UTC timestamp without a zone, also from a target that keeps the zone: a plain cast would take the session's. #}
{% macro source_timestamp(found, name, required=false) %}
    {%- set type = found.get(name, '') -%}
    {%- if 'with time zone' in type or 'timestamptz' in type or '_tz' in type or '_ltz' in type -%}
        {{ mailjet_sms.zone_to_utc(name) }}
    {%- else -%}
        {{ mailjet_sms.source_column(found, name, dbt.type_timestamp(), required) }}
    {%- endif -%}
{% endmacro %}

{% macro zone_to_utc(column) %}{{ return(adapter.dispatch('zone_to_utc', 'mailjet_sms')(column)) }}{% endmacro %}
{% macro default__zone_to_utc(column) %}cast({{ column }} at time zone 'UTC' as {{ dbt.type_timestamp() }}){% endmacro %}
{% macro snowflake__zone_to_utc(column) %}cast(convert_timezone('UTC', {{ column }}) as timestamp_ntz){% endmacro %}
