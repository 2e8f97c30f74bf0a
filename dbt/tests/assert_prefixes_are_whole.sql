-- No prefix is missing or changed unnoticed: how many there are, what they add up to, and how many countries have one.
-- scripts/make_country_prefixes.py says the figures when it writes the seed.
with figures as (

    select
        count(*) as prefixes,
        sum(cast(prefix as {{ dbt.type_bigint() }})) as total,
        count(distinct country_code) as countries
    from {{ ref('mailjet_sms_country_prefixes') }}

)

select *
from figures
where prefixes <> 361 or total <> 2120125078 or countries <> 244
