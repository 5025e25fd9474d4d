//! What an expression for Prometheus names.

use std::collections::BTreeSet;

use aftercare_gateway::metrics::Metric;

/// The names of our metrics in an expression, without what a histogram's parts add to them.
pub(crate) fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("aftercare_"));
    ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned()).collect()
}

/// Those of them that the program does not have.
pub(crate) fn unknown_in(expression: &str) -> Vec<String> {
    let known = |name: &String| Metric::ALL.iter().any(|metric| metric.definition().name == name);
    metrics_in(expression).into_iter().filter(|name| !known(name)).collect()
}
