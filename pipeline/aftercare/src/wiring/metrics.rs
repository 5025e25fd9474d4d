//! The counters of tasks and sinks in Prometheus's words.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use aftercare_core::documents::{RULE_KINDS, Severity};
use aftercare_core::reason::Reason;
use aftercare_gateway::metrics::{Histogram, Metric, MetricsSource, Sample};
use aftercare_runtime::stats::{self, LATENCY_MS, TaskStats, reading_outcomes};
use aftercare_runtime::topics;

use super::flow::FlowStats;
use super::notify::NotifyStats;
use super::sink::{SinkStats, TABLES};
use super::wall_clock;

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn count(counter: &AtomicU64) -> f64 {
    counter.load(Relaxed) as f64
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^53")]
fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

/// Seconds since that time, ms since 1970 UTC; 0 where it is 0.
fn age(since: &AtomicI64) -> f64 {
    match since.load(Relaxed) {
        0 => 0.0,
        since => seconds(wall_clock() - since),
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn histogram(h: &stats::Histogram) -> Histogram {
    let mut below = 0;
    let mut buckets = Vec::new();
    for (bound, bucket) in LATENCY_MS.iter().zip(&h.buckets) {
        below += bucket.load(Relaxed);
        buckets.push((*bound as f64 / 1000.0, below));
    }
    below += h.buckets[LATENCY_MS.len()].load(Relaxed);
    Histogram { buckets, sum: count(&h.sum_ms) / 1000.0, count: below }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn level(counter: &AtomicI64) -> f64 {
    counter.load(Relaxed) as f64
}

/// Counters by severity and kind of rule, with their labels.
fn by_rule<T>(
    counters: &[[T; RULE_KINDS.len()]; Severity::ALL.len()],
) -> impl Iterator<Item = ([(&'static str, &'static str); 2], &T)> {
    Severity::ALL.iter().zip(counters).flat_map(|(severity, counters)| {
        let labels = RULE_KINDS.iter().map(|kind| [("severity", severity.as_str()), ("kind", *kind)]);
        labels.zip(counters)
    })
}

/// The metrics of one task.
pub(crate) fn of_task(partition: i32, stats: Arc<TaskStats>) -> impl MetricsSource {
    let partition = partition.to_string();
    move |out: &mut Vec<Sample>| {
        let own = [("partition", &*partition)];
        for topic in topics::TOPICS {
            let at = topics::index(topic.id);
            let label = [("topic", topic.name)];
            match topic.role {
                topics::Role::Input => {
                    let labels = [("topic", topic.name), ("partition", &*partition)];
                    out.push(Sample::gauge(Metric::EventTimeLag, &labels, age(&stats.behind_from[at])));
                    out.push(Sample::counter(Metric::RecordsIn, &label, count(&stats.records_in[at])));
                }
                topics::Role::Output | topics::Role::Contributions | topics::Role::Editions => {
                    out.push(Sample::counter(Metric::RecordsOut, &label, count(&stats.outputs[at])));
                }
                _ => {}
            }
        }
        for (verdict, counter) in stats::VERDICTS.iter().zip(&stats.verdicts) {
            out.push(Sample::counter(Metric::Receipts, &[("outcome", verdict)], count(counter)));
        }
        for ((outcome, reason), counter) in reading_outcomes().iter().zip(&stats.readings) {
            let labels = [("outcome", *outcome), ("reason", *reason)];
            out.push(Sample::counter(Metric::Readings, &labels, count(counter)));
        }
        for (reason, counter) in Reason::ALL.iter().zip(&stats.dead_letters) {
            out.push(Sample::counter(Metric::DeadLetters, &[("reason", reason.code())], count(counter)));
        }
        for (happening, by_severity) in stats::ALERTS.iter().zip(&stats.alerts) {
            for ([severity, kind], counter) in by_rule(by_severity) {
                let labels = [severity, kind, ("happening", *happening)];
                out.push(Sample::counter(Metric::Alerts, &labels, count(counter)));
            }
        }
        for (labels, open) in by_rule(&stats.alerts_open) {
            out.push(Sample::gauge(Metric::AlertsOpen, &labels, level(open)));
        }
        out.push(Sample::counter(Metric::Forwarded, &[], count(&stats.forwarded)));
        out.push(Sample::counter(Metric::Transactions, &[("outcome", "committed")], count(&stats.committed)));
        out.push(Sample::counter(Metric::Transactions, &[("outcome", "aborted")], count(&stats.aborted)));
        out.push(Sample::counter(Metric::ChangelogBytes, &[], count(&stats.changelog_bytes)));
        out.push(Sample::counter(Metric::ChangelogRounds, &[], count(&stats.rounds_completed)));
        let limit = [("limit", "held_records_max or held_bytes_max")];
        out.push(Sample::counter(Metric::LimitHits, &limit, count(&stats.held_limit_hits)));
        let limit = [("limit", "contributions_ahead_max")];
        out.push(Sample::counter(Metric::LimitHits, &limit, count(&stats.curve_ahead_limit_hits)));
        out.push(Sample::counter(Metric::Stalls, &own, count(&stats.stalls)));
        out.push(Sample::counter(Metric::CurveViolations, &own, count(&stats.curve_violations)));
        out.push(Sample::gauge(Metric::CurveAhead, &own, count(&stats.curve_ahead)));
        out.push(Sample::gauge(Metric::HeldRecords, &own, count(&stats.held)));
        out.push(Sample::gauge(Metric::HeldBytes, &own, count(&stats.held_bytes)));
        out.push(Sample::gauge(Metric::Patients, &own, count(&stats.patients)));
        out.push(Sample::gauge(Metric::Devices, &own, count(&stats.devices)));
        out.push(Sample::gauge(Metric::RestoreDuration, &own, count(&stats.restore_ms) / 1000.0));
        out.push(Sample::gauge(Metric::RestoreBytes, &own, count(&stats.restore_bytes)));
        let tick = stats.tick.load(Relaxed);
        if tick > 0 {
            out.push(Sample::gauge(Metric::TickAge, &own, seconds(wall_clock() - tick)));
        }
        out.push(Sample::histogram(Metric::TransactionDuration, &[], histogram(&stats.commit_ms)));
        let topic = [("topic", "identified inputs")];
        out.push(Sample::histogram(Metric::AppendToOutput, &topic, histogram(&stats.append_to_output_ms)));
        let phase = ["starting", "restoring", "waiting for a tick", "running", "ended"];
        let at = usize::try_from(stats.phase.load(Relaxed)).unwrap_or(0).min(phase.len() - 1);
        out.push(Sample::gauge(Metric::Tasks, &[("phase", phase[at])], 1.0));
    }
}

/// The metrics of the sink.
pub(crate) fn of_sink(stats: Arc<SinkStats>) -> impl MetricsSource {
    move |out: &mut Vec<Sample>| {
        for (at, table) in TABLES.iter().enumerate() {
            let counters = [&stats.rows[at], &stats.inserts[at], &stats.failures[at]];
            flow(table.topic(), counters, &stats.oldest_waiting_at[at], out);
        }
    }
}

/// The metrics of another flow into ClickHouse, beside those of the output topics.
pub(crate) fn of_flow(name: &'static str, stats: Arc<FlowStats>) -> impl MetricsSource {
    move |out: &mut Vec<Sample>| {
        let counters = [&stats.rows, &stats.inserts, &stats.failures];
        flow(name, counters, &stats.oldest_waiting_at, out);
    }
}

fn flow(topic: &str, [rows, inserts, failures]: [&AtomicU64; 3], oldest: &AtomicI64, out: &mut Vec<Sample>) {
    let label = [("topic", topic)];
    out.push(Sample::counter(Metric::SinkRows, &label, count(rows)));
    out.push(Sample::counter(Metric::SinkInserts, &label, count(inserts)));
    out.push(Sample::counter(Metric::SinkFailures, &label, count(failures)));
    out.push(Sample::gauge(Metric::SinkFreshness, &label, age(oldest)));
}

/// The metrics of the notifier.
pub(crate) fn of_notify(stats: Arc<NotifyStats>) -> impl MetricsSource {
    move |out: &mut Vec<Sample>| {
        for receiver in &stats.receivers {
            let (name, known) = (receiver.name(), &receiver.stats);
            let outcomes = [
                ("delivered", &known.delivered),
                ("superseded", &known.superseded),
                ("given_up", &known.given_up),
            ];
            for (outcome, counter) in outcomes {
                let labels = [("receiver", name), ("outcome", outcome)];
                out.push(Sample::counter(Metric::Notifications, &labels, count(counter)));
            }
            for (reason, counter) in known.failures() {
                let labels = [("receiver", name), ("reason", reason)];
                out.push(Sample::counter(Metric::NotifyFailures, &labels, count(counter)));
            }
        }
        out.push(Sample::gauge(Metric::NotifyWaiting, &[], count(&stats.waiting)));
        out.push(Sample::gauge(Metric::NotifyAge, &[], age(&stats.oldest_at)));
        out.push(Sample::counter(Metric::NotifyStale, &[], count(&stats.stale)));
    }
}
