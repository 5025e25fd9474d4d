//! What the reference promises of itself.

#![allow(clippy::unwrap_used, reason = "a test")]

use aftercare_core::documents::Library;
use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{Answer, Form, PromResponse, RecordStatus, Source};
use aftercare_sim::reference::{Expected, Limits, Reference};
use aftercare_sim::rng::Rng;
use aftercare_sim::world::{Settings, SimRecord, World};
use proptest::prelude::*;

fn finish(records: &[SimRecord], limits: Limits) -> Expected {
    let mut reference = Reference::new(limits);
    for record in records {
        reference.add(record.topic, &record.key, Some(&record.value), None);
    }
    reference.finish(&Library::builtin())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_order_of_records_does_not_matter(seed: u64, share in 100_u32..1000) {
        let settings = Settings { seed, patients: 4, wearers_permille: 300, wear_days: 1, ..Settings::default() };
        let rng = &mut Rng::new(seed, &[]);
        let some: Vec<SimRecord> = World::new(settings).filter(|_| rng.permille(share)).collect();
        let mut keyed: Vec<(u64, SimRecord)> = some.iter().map(|r| (rng.bits(), r.clone())).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let mixed: Vec<SimRecord> = keyed.into_iter().map(|(_, record)| record).collect();
        prop_assert_eq!(finish(&some, Limits::default()), finish(&mixed, Limits::default()));
    }
}

fn upload(revision: i32, status: RecordStatus, answered_at: i64, codes: [Option<i32>; 2]) -> SimRecord {
    let answers = [("phq2_1", codes[0]), ("phq2_2", codes[1])].map(|(item, code)| Answer { item, code });
    let forms = vec![Form { instrument: "phq-2", instrument_version: None, answers: answers.into() }];
    let response = PromResponse {
        id: "u",
        revision,
        status,
        source: Source::Simulated,
        patient_id: "p",
        episode_id: None,
        answered_at,
        uploaded_at: answered_at,
        respondent: "patient",
        forms,
    };
    let mut value = Vec::new();
    codec::encode("prom-responses", &response, &mut value).unwrap();
    SimRecord { at: answered_at, topic: "prom-responses", key: b"p".to_vec(), value }
}

fn enrolment() -> SimRecord {
    enrolment_revised(1, RecordStatus::Final)
}

/// Some patient's enrolment, as of patient `p`.
fn enrolment_revised(revision: i32, status: RecordStatus) -> SimRecord {
    let world = World::new(Settings { patients: 1, ..Settings::default() });
    let mut record = world.into_iter().find(|r| r.topic == "enrolments").unwrap();
    let mut enrolment: aftercare_schemas::wire::Enrolment =
        codec::decode("enrolments", Some(&record.value), None).unwrap();
    (enrolment.patient_id, enrolment.episode_id) = ("p", "e");
    (enrolment.revision, enrolment.status) = (revision, status);
    let mut value = Vec::new();
    codec::encode("enrolments", &enrolment, &mut value).unwrap();
    (record.key, record.value) = (b"p".to_vec(), value);
    record
}

/// Outcomes, reason, copies, duplicates, conflicts.
type Receipt = (String, Option<&'static str>, u32, Option<u32>, Option<u32>);

/// Those of the upload's revisions.
fn receipts(records: &[SimRecord]) -> Vec<Receipt> {
    let limits = Limits { last_tick: Instant(2_000_000_000_000), ..Limits::default() };
    let expected = finish(records, limits);
    let of_uploads = expected.receipts.iter().filter(|((_, topic, ..), _)| topic == "prom-responses");
    of_uploads.map(|(_, r)| (r.outcomes.join("|"), r.reason, r.copies, r.duplicates, r.conflicts)).collect()
}

#[test]
fn receipts_follow_their_rules() {
    use RecordStatus::{Amended, EnteredInError, Final};
    let at = 1_750_000_000_000;
    let good = || upload(1, Final, at, [Some(1), Some(2)]);
    let other = || upload(1, Final, at, [Some(0), Some(2)]);
    let empty = || upload(1, Final, at, [None, None]);
    let wrong = || upload(1, Final, at, [Some(9), None]);
    let second = || upload(2, Amended, at, [Some(3), Some(3)]);
    let withdrawn = || upload(2, EnteredInError, at, [Some(9), None]);
    let far = || upload(1, Final, at + 1_000_000_000_000, [Some(1), Some(2)]);
    let accepted = |copies, duplicates, conflicts| {
        ("accepted".to_owned(), None, copies, Some(duplicates), Some(conflicts))
    };
    let with_enrolment = |records: &[SimRecord]| receipts(&[&[enrolment()], records].concat());

    assert_eq!(with_enrolment(&[good()]), [accepted(1, 0, 0)]);
    assert_eq!(with_enrolment(&[good(), good(), other()]), [accepted(3, 1, 1)]);
    assert_eq!(
        with_enrolment(&[empty()]),
        [("unscored".to_owned(), Some("missing_answers"), 1, Some(0), Some(0))]
    );
    let rejected = ("rejected".to_owned(), Some("answer_out_of_range"), 2, Some(1), Some(0));
    assert_eq!(with_enrolment(&[wrong(), wrong()]), [rejected]);
    // A rejected copy is evaluated again when another comes.
    assert_eq!(with_enrolment(&[wrong(), good(), good(), other()]), [accepted(4, 2, 1)]);
    let superseded = ("accepted".to_owned(), Some("superseded"), 1, Some(0), Some(0));
    assert_eq!(with_enrolment(&[good(), second()]), [superseded.clone(), accepted(1, 0, 0)]);
    assert_eq!(with_enrolment(&[withdrawn(), good()]), [superseded, accepted(1, 0, 0)]);
    let waits = [("held|rejected".to_owned(), None, 1, None, None)];
    assert_eq!(receipts(&[good()]), waits);
    assert_eq!(with_enrolment(&[far()]), waits);
    let withdrawn_enrolment = enrolment_revised(2, EnteredInError);
    assert_eq!(receipts(&[withdrawn_enrolment, good()]), [accepted(1, 0, 0)]);
}

#[test]
fn withdrawn_uploads_have_no_score_and_amended_ones_the_new() {
    let at = 1_750_000_000_000;
    let scores = |records: &[SimRecord]| {
        let expected = finish(&[&[enrolment()], records].concat(), Limits::default());
        expected
            .scores
            .iter()
            .filter_map(|(id, s)| s.score.map(|score| (id.clone(), score)))
            .collect::<Vec<_>>()
    };
    let first = upload(1, RecordStatus::Final, at, [Some(1), Some(2)]);
    let second = upload(2, RecordStatus::Amended, at, [Some(3), Some(3)]);
    let withdrawn = upload(3, RecordStatus::EnteredInError, at, [None, None]);
    let id = || "e/u/phq-2".to_owned();
    assert_eq!(scores(std::slice::from_ref(&first)), [(id(), 3.0)]);
    assert_eq!(scores(&[second.clone(), first.clone()]), [(id(), 6.0)]);
    assert_eq!(scores(&[enrolment_revised(2, RecordStatus::EnteredInError), first.clone()]), []);
    assert_eq!(scores(&[first, second, withdrawn]), []);
}
