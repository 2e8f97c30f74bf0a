-- Money has six places, whatever type the target gave it: a bare numeric has none in Snowflake, three in DuckDB, and any in Postgres.
select cost
from {{ ref('stg_mailjet_sms__messages') }}
where cost <> cast(cost as numeric(18, 6))

union all

select cost
from (select cast(0.0424546 as {{ mailjet_sms.type_money() }}) as cost) as price
where cost <> 0.042455
