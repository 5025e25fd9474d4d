//! The one list of metric names. Dashboards and alert rules are checked against it.

/// How the values of one metric behave, and how two samples with the same labels become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows; samples with the same labels are added.
    Counter,
    /// Goes up and down; samples with the same labels are added (what is held, in sum).
    GaugeSum,
    /// Goes up and down; of samples with the same labels the greatest counts (the worst age).
    GaugeMax,
    /// Distribution; samples with the same labels and bounds are added.
    Histogram,
}

/// What is known of a metric before it has any value.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Full name, with the base unit last (and `_total` for counters).
    pub name: &'static str,
    /// One line for the `# HELP` comment.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Label names, in the order in which they are printed. Every sample has exactly these.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($( $variant:ident, $kind:ident, $name:literal, [$($label:literal),*], $help:literal; )*) => {
        /// Every metric of Aftercare. Base units (seconds, bytes), labels from short fixed lists only:
        /// never an id, a value or a text that came with a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $( #[doc = $help] $variant, )*
        }

        impl Metric {
            /// All metrics, in the order in which they are printed.
            pub const ALL: &'static [Metric] = &[$( Metric::$variant, )*];

            /// Name, help, kind and labels of this metric.
            #[must_use]
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $( Metric::$variant => &Definition {
                        name: $name,
                        help: $help,
                        kind: Kind::$kind,
                        labels: &[$($label),*],
                    }, )*
                }
            }
        }
    };
}

metrics! {
    BuildInfo, GaugeMax, "aftercare_build_info", ["version"],
        "Always 1; the version of the running binary.";
    RecordsIn, Counter, "aftercare_records_total", ["topic"],
        "Input records taken in, good or bad.";
    RecordsOut, Counter, "aftercare_output_records_total", ["topic"],
        "Output records written in committed transactions.";
    Receipts, Counter, "aftercare_receipts_total", ["outcome"],
        "Records with an id that were judged, by verdict; one that waited is judged again when its wait ends.";
    Readings, Counter, "aftercare_readings_total", ["outcome", "reason"],
        "Wearable readings taken in, by what became of the reading; no reason is an empty one.";
    DeadLetters, Counter, "aftercare_dead_letters_total", ["reason"],
        "Records written to the dead-letter topic, by reason.";
    Alerts, Counter, "aftercare_alerts_total", ["severity", "kind", "happening"],
        "What happened to alerts: raised, escalated, closed; by severity and kind of rule.";
    AlertsOpen, GaugeSum, "aftercare_open_alerts", ["severity", "kind"],
        "Alerts that are open, acknowledged or put off, by severity and kind of rule.";
    Forwarded, Counter, "aftercare_forwarded_records_total", [],
        "Records found in a partition that is not their key's, and sent on to the right one.";
    HeldRecords, GaugeSum, "aftercare_held_records", ["partition"],
        "Records waiting now for an earlier fact, such as an enrolment.";
    HeldBytes, GaugeSum, "aftercare_held_bytes", ["partition"],
        "Bytes of the records waiting now.";
    Tasks, GaugeSum, "aftercare_tasks", ["phase"],
        "Patient tasks of this process, by what they are doing now.";
    Patients, GaugeSum, "aftercare_patients", ["partition"],
        "Patients in the task's state.";
    Devices, GaugeSum, "aftercare_devices", ["partition"],
        "Wearable devices in the task's state.";
    LimitHits, Counter, "aftercare_limit_hits_total", ["limit"],
        "Times that a limit was reached, by its configured name.";
    Transactions, Counter, "aftercare_transactions_total", ["outcome"],
        "Kafka transactions ended, committed or aborted.";
    TransactionDuration, Histogram, "aftercare_transaction_duration_seconds", [],
        "Time from the beginning of a Kafka transaction to its commit.";
    ChangelogBytes, Counter, "aftercare_changelog_bytes_total", [],
        "Bytes of state written to the changelog.";
    ChangelogRounds, Counter, "aftercare_changelog_rounds_total", [],
        "Times that the whole state was written to the changelog again, so that older records may go.";
    EventTimeLag, GaugeMax, "aftercare_event_time_lag_seconds", ["topic", "partition"],
        "How long ago the newest record taken was written, while more of them wait; 0 when none do.";
    TickAge, GaugeMax, "aftercare_tick_age_seconds", ["partition"],
        "Age of the newest tick that the task has applied.";
    SinkRows, Counter, "aftercare_sink_rows_total", ["topic"],
        "Rows that ClickHouse has confirmed.";
    SinkInserts, Counter, "aftercare_sink_inserts_total", ["topic"],
        "Inserts that ClickHouse has confirmed.";
    SinkFailures, Counter, "aftercare_sink_failures_total", ["topic"],
        "Inserts that failed; each is repeated.";
    SinkFreshness, GaugeMax, "aftercare_sink_freshness_seconds", ["topic"],
        "Age of the oldest output record not yet in ClickHouse; 0 when all are.";
    CoverageMissing, GaugeMax, "aftercare_coverage_missing_records", ["topic"],
        "Records of the last hour that are not proven to be in ClickHouse although later ones are.";
    OverdueAlerts, GaugeMax, "aftercare_overdue_alerts", ["severity"],
        "Alerts of the last week that nobody has answered by the time they should have been.";
    RestoreDuration, GaugeMax, "aftercare_restore_duration_seconds", ["partition"],
        "Time that the last restore of the task's state took.";
    RestoreBytes, GaugeMax, "aftercare_restore_bytes", ["partition"],
        "Bytes of changelog read by the last restore of the task's state.";
    Stalls, Counter, "aftercare_stalls_total", ["partition"],
        "Times that the watchdog found a task which had records but made no progress.";
    CurveViolations, Counter, "aftercare_curve_violations_total", ["partition"],
        "Contributions to curves that were left out: out of order, twice, or not to be read.";
    CurveAhead, GaugeSum, "aftercare_curve_waiting_records", ["partition"],
        "Contributions to curves that wait until every task has ended the month before theirs.";
    AppendToOutput, Histogram, "aftercare_append_to_output_seconds", ["topic"],
        "Time from the append of an input record to the commit of what came of it.";
    Notifications, Counter, "aftercare_notifications_total", ["receiver", "outcome"],
        "Notices of alerts by how their delivery ended: delivered, superseded by a newer state, or given up.";
    NotifyFailures, Counter, "aftercare_notify_failures_total", ["receiver", "reason"],
        "Tries to deliver a notice that failed; each is repeated until the notice is given up.";
    NotifyWaiting, GaugeSum, "aftercare_notify_waiting_records", [],
        "States of alerts that some receiver still lacks.";
    NotifyAge, GaugeMax, "aftercare_notify_age_seconds", [],
        "Age of the oldest state of an alert that some receiver still lacks; 0 when there is none.";
    NotifyStale, Counter, "aftercare_notify_stale_total", [],
        "States of alerts that nobody was told because they were too old when they were read.";
    SamplesRefused, Counter, "aftercare_metric_samples_refused_total", ["reason"],
        "Samples left out of this page: wrong labels, not a number, or too many series.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_carry_their_base_unit() {
        let units = ["_seconds", "_bytes", "_records", "_tasks", "_patients", "_devices", "_alerts", "_info"];
        let mut seen = BTreeSet::new();
        for metric in Metric::ALL {
            let Definition { name, help, kind, labels } = *metric.definition();
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with("aftercare_"));
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert!(kind == Kind::Counter || units.iter().any(|unit| name.ends_with(unit)), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
            let known = [
                "topic",
                "outcome",
                "reason",
                "partition",
                "limit",
                "phase",
                "receiver",
                "severity",
                "kind",
                "happening",
                "version",
            ];
            assert!(labels.iter().all(|label| known.contains(label)), "{name}");
        }
    }
}
