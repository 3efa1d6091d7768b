use super::DayText;
use crate::origin::At;
use crate::policy::Policy;
use crate::reader::{Block, Reader};
use crate::scalar::{day, price, prose};
use schemars::JsonSchema;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// What a tier costs, for `seaworthy cache bench`. What is not given costs nothing.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PricesBlock {
    /// Currency of all its prices, e.g. `USD`; the same in every block.
    pub currency: At<String>,
    /// Day on which they were read off a price list.
    #[schemars(with = "Option<DayText>")]
    pub as_of: Option<At<jiff::civil::Date>>,
    /// 1,000 requests that read: get, stat, list.
    #[schemars(range(min = 0.0))]
    pub get_per_1000: Option<At<f64>>,
    /// 1,000 requests that write: put, remove.
    #[schemars(range(min = 0.0))]
    pub put_per_1000: Option<At<f64>>,
    /// A GB (1,000,000,000 bytes) stored into it.
    #[schemars(range(min = 0.0))]
    pub gb_in: Option<At<f64>>,
    /// A GB read from it.
    #[schemars(range(min = 0.0))]
    pub gb_out: Option<At<f64>>,
    /// A GB that it keeps for a month.
    #[schemars(range(min = 0.0))]
    pub gb_month: Option<At<f64>>,
}

/// The prices of one tier; 0 where the policy gives none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// Currency of all of them.
    pub currency: String,
    /// Day on which they were read off a price list, `2026-06-01`.
    pub as_of: Option<String>,
    /// 1,000 requests that read.
    pub get_per_1000: f64,
    /// 1,000 requests that write.
    pub put_per_1000: f64,
    /// A GB stored.
    pub gb_in: f64,
    /// A GB read.
    pub gb_out: f64,
    /// A GB kept for a month.
    pub gb_month: f64,
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<PricesBlock> {
    let mut block = Block::of(format!("[prices.{name}]"), value, reader)?;
    let currency = block.req(reader, "currency", "say what they are in: `currency = \"USD\"`", prose);
    let prices = PricesBlock {
        as_of: block.opt(reader, "as-of", day),
        get_per_1000: block.opt(reader, "get-per-1000", price),
        put_per_1000: block.opt(reader, "put-per-1000", price),
        gb_in: block.opt(reader, "gb-in", price),
        gb_out: block.opt(reader, "gb-out", price),
        gb_month: block.opt(reader, "gb-month", price),
        currency: currency.unwrap_or_else(|| At::built_in(String::new())),
    };
    block.finish(reader);
    Some(prices)
}

impl Policy {
    /// What its tiers cost, by label. A tier that is not in it has no price.
    #[must_use]
    pub fn tier_prices(&self) -> BTreeMap<String, Prices> {
        let number = |at: &Option<At<f64>>| at.as_ref().map_or(0.0, |at| at.value);
        let prices = |block: &PricesBlock| Prices {
            currency: block.currency.value.clone(),
            as_of: block.as_of.as_ref().map(|day| day.value.to_string()),
            get_per_1000: number(&block.get_per_1000),
            put_per_1000: number(&block.put_per_1000),
            gb_in: number(&block.gb_in),
            gb_out: number(&block.gb_out),
            gb_month: number(&block.gb_month),
        };
        self.prices.iter().map(|(label, at)| (label.clone(), prices(&at.value))).collect()
    }
}
