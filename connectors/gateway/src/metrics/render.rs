//! From the tally to the text format, by way of the `prometheus` crate's own encoder.

use prometheus::TextEncoder;
use prometheus::proto;

use super::names::{Kind, Metric};
use super::sample::{SampleValue, Tally};

pub(super) fn page(tally: Tally) -> Result<String, prometheus::Error> {
    let families: Vec<_> = tally.into_series().map(|(metric, series)| family(metric, series)).collect();
    TextEncoder::new().encode_to_string(&families)
}

fn family(metric: Metric, series: Vec<(Vec<(&'static str, String)>, SampleValue)>) -> proto::MetricFamily {
    let definition = metric.definition();
    let mut family = proto::MetricFamily::default();
    family.set_name(definition.name.to_owned());
    family.set_help(definition.help.to_owned());
    family.set_field_type(match definition.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::GaugeSum | Kind::GaugeMax => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    family.set_metric(series.into_iter().map(|(labels, value)| line(labels, value)).collect());
    family
}

fn line(labels: Vec<(&'static str, String)>, value: SampleValue) -> proto::Metric {
    let mut line = proto::Metric::from_label(labels.into_iter().map(label).collect());
    match value {
        SampleValue::Counter(value) => {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            line.set_counter(counter);
        }
        SampleValue::Gauge(value) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            line.set_gauge(gauge);
        }
        SampleValue::Histogram(value) => {
            let mut histogram = proto::Histogram::default();
            histogram.set_sample_count(value.count);
            histogram.set_sample_sum(value.sum);
            histogram.set_bucket(value.buckets.into_iter().map(bucket).collect());
            line.set_histogram(histogram);
        }
    }
    line
}

fn label((name, value): (&'static str, String)) -> proto::LabelPair {
    let mut label = proto::LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value);
    label
}

fn bucket((upper_bound, below): (f64, u64)) -> proto::Bucket {
    let mut bucket = proto::Bucket::default();
    bucket.set_upper_bound(upper_bound);
    bucket.set_cumulative_count(below);
    bucket
}

#[cfg(test)]
mod tests {
    use super::super::{Histogram, Metrics, SERIES_PER_METRIC_MAX, Sample};
    use super::*;

    fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
        let page = metrics.render().unwrap();
        page.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    fn source(samples: Vec<Sample>) -> impl super::super::MetricsSource {
        move |out: &mut Vec<Sample>| out.extend(samples.iter().cloned())
    }

    #[test]
    fn the_page_is_exact() {
        let metrics = Metrics::new();
        let buckets = vec![(0.005, 1), (0.25, 3)];
        let _one = metrics.register(source(vec![
            Sample::histogram(Metric::TransactionDuration, &[], Histogram { buckets, sum: 2.5, count: 4 }),
            Sample::counter(Metric::RecordsIn, &[("topic", "a\"b\\c\nd")], 3e15),
        ]));
        let page = metrics.render().unwrap();
        let (_, rest) = page.split_once("aftercare_build_info{version=\"").unwrap();
        let (_, rest) = rest.split_once("\"} 1\n").unwrap();
        assert_eq!(
            rest,
            r#"# HELP aftercare_records_total Input records taken in, good or bad.
# TYPE aftercare_records_total counter
aftercare_records_total{topic="a\"b\\c\nd"} 3000000000000000
# HELP aftercare_transaction_duration_seconds Time from the beginning of a Kafka transaction to its commit.
# TYPE aftercare_transaction_duration_seconds histogram
aftercare_transaction_duration_seconds_bucket{le="0.005"} 1
aftercare_transaction_duration_seconds_bucket{le="0.25"} 3
aftercare_transaction_duration_seconds_bucket{le="+Inf"} 4
aftercare_transaction_duration_seconds_sum 2.5
aftercare_transaction_duration_seconds_count 4
"#
        );
    }

    #[test]
    fn two_sources_become_one_series() {
        let one = |lag, held| {
            source(vec![
                Sample::counter(Metric::Transactions, &[("outcome", "committed")], 2.0),
                Sample::gauge(Metric::TickAge, &[("partition", "0")], lag),
                Sample::gauge(Metric::HeldBytes, &[("partition", "0")], held),
            ])
        };
        let metrics = Metrics::new();
        let _first = metrics.register(one(3.0, 10.0));
        let _second = metrics.register(one(1.0, 5.0));
        assert_eq!(
            lines(&metrics, "aftercare_tr"),
            ["aftercare_transactions_total{outcome=\"committed\"} 4"]
        );
        assert_eq!(lines(&metrics, "aftercare_ti"), ["aftercare_tick_age_seconds{partition=\"0\"} 3"]);
        assert_eq!(lines(&metrics, "aftercare_he"), ["aftercare_held_bytes{partition=\"0\"} 15"]);
    }

    #[test]
    fn counters_outlive_their_source_gauges_do_not() {
        let metrics = Metrics::new();
        let samples = vec![
            Sample::counter(Metric::ChangelogBytes, &[], 7.0),
            Sample::gauge(Metric::TickAge, &[("partition", "0")], 3.0),
        ];
        drop(metrics.register(source(samples.clone())));
        assert_eq!(lines(&metrics, "aftercare_ti"), [""; 0]);
        let _again = metrics.register(source(samples));
        assert_eq!(lines(&metrics, "aftercare_ch"), ["aftercare_changelog_bytes_total 14"]);
    }

    #[test]
    fn what_is_unsound_is_left_out_and_counted() {
        let histogram = |bounds: [f64; 2]| {
            let buckets = bounds.map(|bound| (bound, 1)).to_vec();
            Sample::histogram(Metric::TransactionDuration, &[], Histogram { buckets, sum: 1.0, count: 1 })
        };
        let metrics = Metrics::new();
        let _bad = metrics.register(source(vec![
            Sample::gauge(Metric::TickAge, &[("partition", "0")], -1.0),
            Sample::counter(Metric::ChangelogBytes, &[], f64::NAN),
            histogram([2.0, 1.0]),
            Sample::gauge(Metric::ChangelogBytes, &[], 1.0),
            Sample::counter(Metric::RecordsIn, &[], 1.0),
            histogram([1.0, 2.0]),
            histogram([1.0, 3.0]),
        ]));
        let refused = lines(&metrics, "aftercare_metric_samples_refused_total");
        let expected = [("bounds", 1), ("kind", 1), ("labels", 1), ("value", 3)]
            .map(|(reason, n)| format!("aftercare_metric_samples_refused_total{{reason=\"{reason}\"}} {n}"));
        assert_eq!(refused, expected);
        assert_eq!(lines(&metrics, "aftercare_ti"), [""; 0]);
    }

    #[test]
    fn a_flood_of_series_is_cut_off() {
        let metrics = Metrics::new();
        let _flood = metrics.register(|out: &mut Vec<Sample>| {
            for n in 0..SERIES_PER_METRIC_MAX + 5 {
                out.push(Sample::counter(Metric::RecordsIn, &[("topic", &n.to_string())], 1.0));
            }
        });
        assert_eq!(lines(&metrics, "aftercare_rec").len(), SERIES_PER_METRIC_MAX);
        let refused = lines(&metrics, "aftercare_metric_samples_refused_total");
        assert_eq!(refused, ["aftercare_metric_samples_refused_total{reason=\"series\"} 5"]);
    }
}
