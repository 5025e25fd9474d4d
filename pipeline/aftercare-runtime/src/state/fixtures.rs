//! Every released encoding of the state stays readable: `tests/state/vN.bin` holds one entry of each table as version
//! N wrote it. A new encoding adds a file; none is ever changed.

use aftercare_core::alert::Now;
use aftercare_core::clinician::{Offer, SessionChanges, SessionFact, Terms};
use aftercare_core::contract::{Closing, Settlement};
use aftercare_core::curve::{Cohort, Curves};
use aftercare_core::documents::Library;
use aftercare_core::facts::{
    Answer, Body, EnrolmentFact, FormFact, InputKind, RecordHead, RecordStatus, Source, UploadFact,
    VerdictFact,
};
use aftercare_core::metric::Metric;
use aftercare_core::patient::{Changes, Judges, Patient};
use aftercare_core::time::Millis;
use aftercare_core::vital::{Moment, SeriesKey, Summary};
use aftercare_core::window::{Micros, Points};
use aftercare_core::zone::Zone;
use aftercare_stream::changelog::{Restore, State, Transaction};

use super::*;

fn patient() -> Patient {
    let (library, mut patient) = (Library::builtin(), Patient::default());
    let head = |kind, id, event_at| RecordHead {
        kind,
        id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        event_at,
        digest: 7,
        retry: false,
    };
    let treated_at = Instant(1_700_000_000_000);
    let enrolment = EnrolmentFact {
        episode_id: "episode-1",
        recorded_at: treated_at,
        effective_at: treated_at,
        procedure: Some("coronary-stent"),
        treated_at: Some(treated_at),
        plan: Some("coronary-stent"),
        time_zone: Some("Asia/Shanghai"),
        ..EnrolmentFact::default()
    };
    patient.offer(
        &head(InputKind::Enrolment, "e1", treated_at),
        &Body::Enrolment(enrolment),
        treated_at,
        &library,
    );
    for (id, days) in [("u1", -5), ("u2", 14)] {
        let answered_at = Instant(treated_at.0 + days * 86_400_000);
        let codes = [("phq2_1", 1), ("phq2_2", 2)];
        let answers = codes.map(|(item, code)| Answer { item, code: Some(code) }).to_vec();
        let forms = vec![FormFact { instrument: "phq-2", instrument_version: None, answers }];
        let upload = UploadFact {
            episode_id: None,
            answered_at,
            uploaded_at: answered_at,
            respondent: "patient",
            forms,
        };
        patient.offer(
            &head(InputKind::PromResponse, id, answered_at),
            &Body::Upload(upload),
            answered_at,
            &library,
        );
    }
    let (curves, last_sequence) = (Curves::default(), 4_711);
    let judges = Judges { library: &library, curves: &curves, partition: 0, last_sequence };
    patient.changes(&judges, &mut Changes::default());
    patient
}

fn sample() -> TaskState {
    let mut state = TaskState::default();
    state.meta.tick = 1_700_000_123_456;
    // of the topics that there were when version 1 was released; later ones begin at 0
    state.meta.sequences = (0..18).collect();
    state.meta = std::mem::take(&mut state.meta).with_all_topics();
    state.meta.advance(aftercare_stream::position::TopicId(3), aftercare_stream::position::ResumeAt(42));
    let entry = PatientEntry { id: "p-1".into(), patient: patient(), devices: vec![DeviceNo(0)], epoch: 0 };
    state.insert_patient(PatientNo(0), entry);
    let mut device = Device::new(PatientNo(0), "p-1", "watch");
    device.tally.add(ReadingOutcome::Accepted, 1, 2);
    device.add_series(1);
    state.insert_device(DeviceNo(0), device);
    let key = WindowKey::new(DeviceNo(0), 1, 5_666_667).unwrap();
    let mut window = Window::new(key.index(), 5, 0);
    window.dirty = true;
    window.points.insert(10, Micros::from_units(61.5).unwrap());
    window.points.insert(60_010, Micros::from_units(-1.0).unwrap());
    state.device_mut(DeviceNo(0)).set_window(key, Some(window));
    let held = Held {
        patient: PatientNo(0),
        held_for: HeldFor::Tick { taken_to: 1, reaches_at: 2 },
        due: 2,
        topic: 3,
        offset: 41,
        produced_at: 9,
        key: Some(b"p-1".to_vec()),
        value: vec![0, 1, 2],
        headers: vec![("h".into(), vec![3])],
    };
    state.insert_held(7, held);
    state
}

/// The sample, and one entry of each kind of book.
fn sample_with_books() -> TaskState {
    let (mut state, mut tx) = (sample(), Transaction::new());
    let began_at = Instant(1_700_000_000_000);
    let head = |kind, id| RecordHead {
        kind,
        id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        event_at: began_at,
        digest: 7,
        retry: false,
    };
    let session = SessionFact {
        patient_id: "p-1",
        episode_id: Some("episode-1"),
        upload_id: Some("u2"),
        ended_at: Some(Instant(began_at.0 + 45_000)),
        interactions: 5,
        sections_read: 2,
    };
    let library = Library::builtin();
    let terms = Terms { stored_at: began_at, library: &library, remembered: Millis::days(62) };
    let clinician = state.clinicians.add(&mut tx, "doctor-1");
    let mut changes = SessionChanges::default();
    state.clinicians.change(&mut tx, clinician, &mut changes, |book, changes| {
        for id in ["s1", "s2"] {
            book.offer(&head(InputKind::ClinicianActivity, id), &session, Offer::Take, &terms, changes);
        }
        book.judge(Instant::MAX, &library, changes);
        book.offer(&head(InputKind::ClinicianActivity, "s3"), &session, Offer::Hold, &terms, changes);
    });
    let verdict = VerdictFact {
        clinician_id: "doctor-1",
        session_revision: 1,
        episode_id: Some("episode-1"),
        upload_id: Some("u2"),
        ended_at: Instant(began_at.0 + 45_000),
        service: false,
        reasons: vec!["burst"],
        duration_ms: 45_000,
        interactions: 5,
        sections_read: 2,
        burst_patients: 6,
        rule: "default@1",
    };
    let (reviews, entry) = state.reviews_and_patient(PatientNo(0));
    reviews.change(&mut tx, 0, |book| {
        book.take(&head(InputKind::SessionVerdict, "s1"), &verdict, began_at, &entry.patient);
    });
    let (alerts, entry) = state.alerts_and_patient(PatientNo(0));
    let (episodes, mut rows) = (entry.patient.episodes(began_at), Vec::new());
    let now = Now { tick: began_at, library: &library, episodes: &episodes };
    alerts.change(&mut tx, 0, |book| {
        book.take_verdict(&now, &head(InputKind::SessionVerdict, "s1"), &verdict, &mut rows);
        let fact = EnrolmentFact { episode_id: "episode-1", ..EnrolmentFact::default() };
        book.take_enrolment(&now, &fact, Source::Live, &mut Vec::new());
    });
    assert_eq!(rows.len(), 1, "the superficial session is an alert");
    state.ledgers.change(&mut tx, 0, |_| ());
    state.closings.change(&mut tx, 0, |_| ());
    state.settlements.change(&mut tx, 0, |settlements| {
        let measures = std::iter::once(("known", 12)).collect();
        settlements.settle(&Settlement { contract: "ltop", key: "2023", revision: 1, measures })
    });
    count(&mut state.cohorts);
    state.closings.change(&mut tx, 0, |closings| {
        closings.close(Closing::parse("closing/warranty-example/2023-11").unwrap());
    });
    let (ledgers, _) = state.ledgers_and_patient(PatientNo(0));
    ledgers.change(&mut tx, 0, |_| ());
    let mut points = Points::default();
    points.insert(10, Micros::from_units(61.5).unwrap());
    let (series, day) = (SeriesKey { device: 0, metric: Metric::HEART_RATE }, Zone::UTC.day_span(began_at));
    state.vitals.change(&mut tx, 0, |book| {
        book.add_ended(series, day, &Summary::of([&points]), true);
        book.add_unplaced(series, [(5_666_667, &points)].into_iter());
        book.set_value(series, day, Some(&Summary::of([&points])));
        book.renew(Moment::News2, 5_666_667, Some(7));
    });
    state
}

/// One contribution that is counted, and one after a boundary.
fn count(cohorts: &mut Cohorts) {
    let mut tx = Transaction::new();
    for (sequence, boundary) in [(1, Some((1_700_000_000_000, 2))), (3, None)] {
        let cohort = Cohort::new("pci-des", [Some("60-69"), Some("female"), None]).unwrap();
        let leaf = leaf(cohort, "composite", Some("coronary-stent"));
        let index_hundredths = 12_980;
        let contributed = Contributed { source: 0, sequence, take: false, leaf, bin: 2, index_hundredths };
        cohorts.take(&mut tx, contributed).unwrap();
        cohorts.sources.change(&mut tx, 0, |source| {
            source.last_version = 1 << 48 | (sequence + 1);
        });
        if let Some((period_end, sequence)) = boundary {
            cohorts.end(&mut tx, 0, period_end, sequence);
        }
    }
}

/// All entries as one changelog record.
fn dump(state: &TaskState) -> Vec<u8> {
    let (mut tx, mut key, mut record) = (Transaction::new(), None, Vec::new());
    while let Some(next) = state.next_key(key) {
        tx.touch(next, 0, |_| false);
        key = Some(next);
    }
    tx.write(state, &mut Vec::new(), usize::MAX, |bytes| {
        record.extend_from_slice(bytes);
        Ok::<_, ()>(())
    })
    .unwrap();
    record
}

fn restore(records: &[&[u8]]) -> TaskState {
    let mut restore = Restore::default();
    records.iter().for_each(|record| restore.take(record).unwrap());
    restore.finish().unwrap()
}

#[test]
fn every_table_comes_back_from_its_bytes() {
    let written = dump(&sample_with_books());
    let read = restore(&[&written]);
    assert_eq!(dump(&read), written);
    let shelves = read.shelves().map(Shelf::table);
    for table in [META, PATIENT, DEVICE, WINDOW, HELD].into_iter().chain(shelves) {
        let entries = std::iter::successors(read.next_key(None), |key| read.next_key(Some(*key)));
        assert!(entries.filter(|key| key.table == table).count() > 0, "no entry of table {table}");
    }
}

#[test]
fn a_device_that_is_read_again_is_indexed_once() {
    let written = dump(&sample());
    let state = restore(&[&written, &written, &written]);
    assert_eq!(state.device_by_ids.len(), 1);
    assert_eq!(state.find_device("p-1", "watch"), Some(DeviceNo(0)));
    assert_eq!(dump(&state), written);
}

#[test]
fn released_encodings_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/state/v1.bin");
    if std::env::var_os("AFTERCARE_WRITE_FIXTURES").is_some() {
        std::fs::write(path, dump(&sample())).unwrap();
    }
    let released = std::fs::read(path).unwrap();
    let state = restore(&[&released]);
    assert_eq!(dump(&state), dump(&sample()), "what version 1 wrote is not what it was");
}
