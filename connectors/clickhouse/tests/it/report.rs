//! What people ask first.

use aftercare_clickhouse::{Judged, Monitored, OutputTable};
use aftercare_schemas::codec;
use aftercare_schemas::wire::CurveEdition;

use crate::support::{
    NEW_YEAR, dead_letter, examples, framed, migrated, reading_receipt, receipt, score, slices, version,
};

#[tokio::test]
async fn scores_by_instrument_and_one_patient_over_time() {
    let store = migrated("report_scores").await;
    let mut records = Vec::new();
    let ids = ["e1/u1/saq-7", "e1/u2/saq-7", "e1/u3/saq-7", "e1/u4/saq-7", "e1/u5/saq-7"];
    for (n, id) in (1_u64..).zip(ids) {
        let mut row = score(version(1, n), id, if n == 5 { "p2" } else { "p1" });
        // the later the id, the earlier the answer
        row.answered_at = NEW_YEAR - i64::try_from(n).unwrap();
        row.index = Some(100.0 + f64::from(u8::try_from(n).unwrap()));
        row.score = Some(10.0 * f64::from(u8::try_from(n).unwrap()));
        match n {
            3 => {
                (row.status, row.reason, row.score, row.index) =
                    ("unscored", Some("missing_answers"), None, None)
            }
            4 => row.status = "withdrawn",
            _ => {}
        }
        records.push(framed("scores", &row));
    }
    let mut composite = score(version(1, 6), "e1/u1/composite", "p1");
    (composite.instrument, composite.score) = ("composite", None);
    records.push(framed("scores", &composite));
    assert!(store.insert(OutputTable::Scores, &slices(&records)).await.is_ok());

    let by_instrument = store.scores_by_instrument().await.unwrap();
    assert_eq!(by_instrument.len(), 2);
    let [composite, saq] = &by_instrument[..] else { panic!("{by_instrument:?}") };
    assert_eq!(
        (composite.instrument.as_str(), composite.mean_score, composite.mean_index),
        ("composite", None, Some(125.0))
    );
    assert_eq!((saq.instrument.as_str(), saq.scores, saq.scored, saq.unscored), ("saq-7", 4, 3, 1));
    assert_eq!((saq.mean_score, saq.mean_index), (Some(80.0 / 3.0), Some(308.0 / 3.0)));

    let points = store.index_over_time("p1", "saq-7").await.unwrap();
    let points: Vec<(i64, f64)> =
        points.iter().map(|point| (point.answered_at - NEW_YEAR, point.index)).collect();
    assert_eq!(points, [(-2, 102.0), (-1, 101.0)]);
    // a name is a value, never a piece of the statement
    assert!(store.index_over_time("p1' OR '1' = '1", "saq-7").await.unwrap().is_empty());
    assert!(store.index_over_time("p\\1\t{x}?", "saq-7").await.unwrap().is_empty());

    let most = store.patients_with_most("saq-7", 1).await.unwrap();
    assert_eq!((most.len(), most[0].patient_id.as_str(), most[0].count), (1, "p1", 2));
}

#[tokio::test]
async fn outcomes_and_dead_letters_by_reason() {
    let store = migrated("report_outcomes").await;
    let mut twice = receipt(version(1, 1), "prom-responses", "u1", "p1");
    (twice.copies, twice.duplicates) = (2, 1);
    let mut rejected = receipt(version(1, 2), "prom-responses", "u2", "p1");
    (rejected.outcome, rejected.reason) = ("rejected", Some("unknown_item"));
    let receipts = [framed("receipts", &twice), framed("receipts", &rejected)];
    assert!(store.insert(OutputTable::Receipts, &slices(&receipts)).await.is_ok());
    let days: Vec<Vec<u8>> = (1..=2)
        .map(|n| {
            framed("reading-receipts", &reading_receipt(version(1, n), 20_000 + i32::try_from(n).unwrap()))
        })
        .collect();
    assert!(store.insert(OutputTable::ReadingReceipts, &slices(&days)).await.is_ok());
    let letters: Vec<Vec<u8>> = (1..=3)
        .map(|n| framed("dead-letters", &dead_letter(version(1, n), 0, i64::try_from(n).unwrap())))
        .collect();
    assert!(store.insert(OutputTable::DeadLetters, &slices(&letters)).await.is_ok());

    let outcomes = store.outcomes().await.unwrap();
    let words: Vec<_> = outcomes
        .iter()
        .map(|o| (o.topic.as_str(), o.outcome.as_str(), o.reason.as_str(), o.count, o.further_copies))
        .collect();
    assert_eq!(
        words,
        [
            ("prom-responses", "accepted", "", 1, 1),
            ("prom-responses", "rejected", "unknown_item", 1, 0),
            ("wearable-readings", "accepted", "", 1_200, 0),
        ]
    );
    let reasons = store.dead_letters_by_reason().await.unwrap();
    assert_eq!(
        (reasons.len(), reasons[0].reason.as_str(), reasons[0].count, reasons[0].undecodable),
        (1, "truncated_avro", 3, 3)
    );
}

#[tokio::test]
async fn freshness_is_the_newest_of_each_table() {
    let store = migrated("report_freshness").await;
    let inserted = store
        .insert(OutputTable::Scores, &[&framed("scores", &score(version(1, 1), "s", "p1"))])
        .await
        .unwrap();
    store.insert_coverage(&inserted.coverage(0, NEW_YEAR + 5_000)).await.unwrap();
    for fresh in store.freshness().await.unwrap() {
        let expected = match fresh.output {
            OutputTable::Scores => (Some(NEW_YEAR + 2), Some(NEW_YEAR + 5_000)),
            _ => (None, None),
        };
        assert_eq!((fresh.stored_at, fresh.written_at), expected, "{fresh:?}");
    }
}

#[tokio::test]
async fn alerts_that_stand_and_the_newest_edition_of_a_curve() {
    let store = migrated("report_care").await;
    assert_eq!(store.newest_curve("pci-des/60-69/female", "saq-7").await.unwrap(), None);
    for output in [OutputTable::Alerts, OutputTable::CurveEditions] {
        let examples = examples(output.topic());
        assert!(store.insert(output, &slices(&examples)).await.is_ok());
    }
    let editions = examples("curve-editions");
    let mut newer: CurveEdition<'_> = codec::decode("curve-editions", Some(&editions[0]), None).unwrap();
    newer.version += 1;
    newer.effective_from += 1;
    newer.edition = "pci-des@newer";
    newer.bins.truncate(1);
    assert!(store.insert(OutputTable::CurveEditions, &[&framed("curve-editions", &newer)]).await.is_ok());

    let alerts = store.alerts().await.unwrap();
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((&*alert.rule, &*alert.severity, alert.historic), ("below-expected", "warning", false));
    let curve = store.newest_curve(newer.cohort, newer.instrument).await.unwrap().unwrap();
    assert_eq!((&*curve.edition, curve.points.len()), ("pci-des@newer", 1));
    let (point, bin) = (&curve.points[0], &newer.bins[0]);
    assert_eq!((point.from_day, point.to_day, point.n), (bin.from_day, bin.to_day, bin.n));
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = bin.sum_hundredths as f64 / bin.n as f64 / 100.0;
    assert!((point.mean - mean).abs() < 1e-9 && point.quantiles.len() == bin.quantiles_hundredths.len());
}

#[tokio::test]
async fn of_each_patient_the_first_judged_answer_after_a_day_counts() {
    let store = migrated("report_judged").await;
    let mut records = Vec::new();
    // patient, day, index, expected, clinician
    for (n, (patient, day, index, expected, clinician)) in (1_u64..).zip([
        ("p1", 40.0, 80.0, Some(100.0), Some("c1")),
        ("p1", 31.0, 85.0, Some(110.0), Some("c2")),
        ("p1", 10.0, 20.0, Some(100.0), Some("c1")),
        ("p2", 35.0, 120.0, Some(105.0), Some("c1")),
        ("p2", 30.0, 119.0, None, Some("c1")),
        ("p3", 33.0, 99.0, Some(100.0), None),
        ("p4", 400.0, 99.0, Some(100.0), Some("c1")),
    ]) {
        let id = format!("s{n}");
        let mut row = score(version(1, n), &id, patient);
        #[allow(clippy::cast_possible_truncation, reason = "whole days")]
        let after = day as i64 * 86_400_000;
        (row.answered_at, row.days_since_treatment) = (NEW_YEAR + after, Some(day));
        (row.index, row.expected, row.expected_sd) = (Some(index), expected, expected.map(|_| 12.5));
        row.clinician_id = clinician;
        records.push(framed("scores", &row));
    }
    assert!(store.insert(OutputTable::Scores, &slices(&records)).await.is_ok());
    let asked = Monitored {
        by: "clinician_id",
        procedure: "coronary-stent",
        instrument: "saq-7",
        from_day: 30,
        from: NEW_YEAR,
        to: NEW_YEAR + 365 * 86_400_000,
    };
    let judged = |group: &str, index, expected| Judged {
        group: group.to_owned(),
        index,
        expected,
        expected_sd: Some(12.5),
    };
    let found = store.judged(&asked).await.unwrap();
    assert_eq!(
        found,
        [judged("c2", 85.0, 110.0), judged("c1", 120.0, 105.0)],
        "in the order of their answers"
    );
    assert_eq!(store.judged(&Monitored { procedure: "x' OR '1", ..asked }).await.unwrap(), []);
}
