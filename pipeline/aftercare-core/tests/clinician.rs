//! Sessions of a clinician: which are service, what makes a burst, and that no order of arrival matters.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::clinician::{
    ClinicianBook, Offer, Session, SessionChanges, SessionFact, Terms, VerdictChange,
};
use aftercare_core::documents::{Library, REVIEW_RULE};
use aftercare_core::facts::{InputKind, RecordHead, RecordStatus, Source};
use aftercare_core::patient::Verdict;
use aftercare_core::reason::Reason;
use aftercare_core::time::{Instant, Millis};
use proptest::prelude::*;
use proptest::sample::Index;

const MONDAY: i64 = 1_767_340_800_000;
const REMEMBERED: Millis = Millis::days(62);

/// One record.
#[derive(Clone, Debug)]
struct Entry {
    id: String,
    revision: i32,
    status: RecordStatus,
    patient: &'static str,
    began_s: i64,
    lasted_s: Option<i64>,
    sections: i32,
    interactions: i32,
}

impl Entry {
    fn new(id: &str, patient: &'static str, began_s: i64) -> Entry {
        let (revision, status) = (1, RecordStatus::Final);
        let (id, lasted_s) = (id.to_owned(), Some(45));
        Entry { id, revision, status, patient, began_s, lasted_s, sections: 2, interactions: 3 }
    }

    fn began_at(&self) -> Instant {
        Instant(MONDAY + self.began_s * 1000)
    }

    fn ended_at(&self) -> Option<Instant> {
        self.lasted_s.map(|lasted| self.began_at().saturating_add(Millis::seconds(lasted)))
    }

    fn counts(&self) -> bool {
        self.status != RecordStatus::EnteredInError
    }
}

/// A book with the verdicts that it issued, the last of each patient and session.
#[derive(Default)]
struct Desk {
    book: ClinicianBook,
    changes: SessionChanges,
    verdicts: BTreeMap<(String, String), VerdictChange>,
    /// The last revision of each session's verdicts.
    revisions: BTreeMap<String, i32>,
    /// (outcome, reason, copies) by id and revision.
    receipts: BTreeMap<(String, i32), (&'static str, Option<&'static str>, u32)>,
}

impl Desk {
    fn offer(&mut self, entry: &Entry, library: &Library, offer: Offer, retry: bool) -> Option<Verdict> {
        let head = RecordHead {
            kind: InputKind::ClinicianActivity,
            id: &entry.id,
            revision: entry.revision,
            status: entry.status,
            source: Source::Live,
            event_at: entry.began_at(),
            digest: u64::from(entry.interactions.cast_unsigned()),
            retry,
        };
        let fact = SessionFact {
            patient_id: entry.patient,
            episode_id: None,
            upload_id: Some("u-1"),
            ended_at: entry.ended_at(),
            interactions: entry.interactions,
            sections_read: entry.sections,
        };
        let terms = Terms { stored_at: Instant(MONDAY), library, remembered: REMEMBERED };
        self.changes.clear();
        let was = self.book.clone();
        let verdict = self.book.offer(&head, &fact, offer, &terms, &mut self.changes);
        for receipt in &self.changes.receipts {
            let receipt = &receipt.receipt;
            let key = (receipt.id.to_string(), receipt.revision);
            self.receipts.insert(key, (receipt.outcome, receipt.reason, receipt.copies));
        }
        self.assert_can_be_taken_back(&was);
        verdict
    }

    /// Takes a record, and judges at once all that it may concern.
    fn take(&mut self, entry: &Entry) -> Option<Verdict> {
        let library = Library::builtin();
        let verdict = self.offer(entry, &library, Offer::Take, false);
        self.tick(Instant::MAX, &library);
        verdict
    }

    /// Judges what is due.
    fn tick(&mut self, tick: Instant, library: &Library) {
        self.changes.clear();
        let was = self.book.clone();
        self.book.judge(tick, library, &mut self.changes);
        for verdict in &self.changes.verdicts {
            let revision = self.revisions.entry(verdict.id.to_string()).or_default();
            *revision += 1;
            assert_eq!(verdict.revision, *revision, "verdicts are counted without a gap");
            let key = (verdict.patient_id.to_string(), verdict.id.to_string());
            self.verdicts.insert(key, verdict.clone());
        }
        self.assert_can_be_taken_back(&was);
    }

    /// What the changes say was before, put back, is what was before.
    fn assert_can_be_taken_back(&self, was: &ClinicianBook) {
        let mut back = self.book.clone();
        for (no, before) in self.changes.before.iter().rev() {
            back.put(*no, before.clone());
        }
        back.set_newest_began_at(was.newest_began_at());
        assert_eq!(back, *was);
    }

    /// As after a crash: the book is found again from the bytes of its entries.
    fn restore(&mut self) {
        let mut book = ClinicianBook::default();
        book.set_newest_began_at(self.book.newest_began_at());
        let mut next = self.book.next(0);
        while let Some(no) = next {
            let bytes = postcard::to_stdvec(self.book.session(no).unwrap()).unwrap();
            book.put(no, Some(postcard::from_bytes::<Session>(&bytes).unwrap()));
            next = self.book.next(no + 1);
        }
        assert_eq!(book, self.book);
        self.book = book;
    }

    /// The verdicts that stand: reasons and patients of the burst by patient and session.
    fn standing(&self) -> BTreeMap<(String, String), (i32, Vec<&'static str>, i32)> {
        let standing = self.verdicts.iter().filter(|(_, verdict)| !verdict.withdrawn);
        let row = |verdict: &VerdictChange| {
            let judgement = verdict.judgement;
            assert_eq!(judgement.is_service(), judgement.reasons().count() == 0);
            (verdict.session_revision, judgement.reasons().collect(), judgement.burst_patients)
        };
        standing.map(|(key, verdict)| (key.clone(), row(verdict))).collect()
    }

    fn reasons(&self, patient: &str, id: &str) -> Vec<&'static str> {
        self.standing()[&(patient.to_owned(), id.to_owned())].1.clone()
    }
}

/// All at once: the highest revision of each session; bursts by looking at every span that ends with a start.
fn batch(entries: &[Entry]) -> BTreeMap<(String, String), (i32, Vec<&'static str>, i32)> {
    let mut newest: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let known = newest.entry(&entry.id).or_insert(entry);
        if entry.revision > known.revision {
            *known = entry;
        }
    }
    let counting: Vec<&Entry> = newest.into_values().filter(|entry| entry.counts()).collect();
    let burst_of = |session: &Entry| {
        let spans = counting.iter().map(|last| last.began_s - 299..=last.began_s);
        let holding = spans.filter(|span| span.contains(&session.began_s));
        let patients = |span: std::ops::RangeInclusive<i64>| {
            let within = counting.iter().filter(|other| span.contains(&other.began_s));
            within.map(|other| other.patient).collect::<BTreeSet<_>>().len()
        };
        i32::try_from(holding.map(patients).max().unwrap()).unwrap()
    };
    let mut verdicts = BTreeMap::new();
    for session in &counting {
        let Some(lasted) = session.lasted_s else { continue };
        let burst = burst_of(session);
        let all = [
            (lasted < 30, "too_short"),
            (session.sections < 2, "too_few_sections"),
            (session.interactions < 3, "too_few_interactions"),
            (burst > 5, "burst"),
        ];
        let reasons = all.into_iter().filter(|(holds, _)| *holds).map(|(_, code)| code).collect();
        let key = (session.patient.to_owned(), session.id.clone());
        verdicts.insert(key, (session.revision, reasons, burst));
    }
    verdicts
}

const PATIENTS: [&str; 9] = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (
        0..14usize,
        1..4i32,
        prop_oneof![6 => Just(RecordStatus::Amended), 1 => Just(RecordStatus::EnteredInError)],
        prop::sample::select(PATIENTS.to_vec()),
        prop_oneof![0i64..400, 0i64..4000],
        prop_oneof![5 => (0i64..90).prop_map(Some), 1 => Just(None)],
        (0..4i32, 0..6i32),
    );
    let entry =
        one.prop_map(|(id, revision, status, patient, began_s, lasted_s, (sections, interactions))| {
            let id = format!("s{id}");
            Entry { id, revision, status, patient, began_s, lasted_s, sections, interactions }
        });
    // one content per revision: conflicts are another matter
    prop::collection::vec(entry, 1..40).prop_map(|entries| {
        let once: BTreeMap<_, _> =
            entries.into_iter().map(|entry| ((entry.id.clone(), entry.revision), entry)).collect();
        once.into_values().collect()
    })
}

proptest! {
    #[test]
    fn verdicts_are_those_of_the_batch_in_any_order(
        entries in entries(),
        order in prop::collection::vec(any::<Index>(), 40),
        copies in prop::collection::vec(any::<Index>(), 0..10),
        crashes in prop::collection::vec(any::<bool>(), 50),
        ticks in prop::collection::vec(prop::option::of(0i64..6000), 50),
    ) {
        let mut queue = entries.clone();
        queue.extend(copies.iter().map(|copy| copy.get(&entries).clone()));
        for (at, index) in order.iter().enumerate().take(queue.len()) {
            let other = index.index(queue.len());
            queue.swap(at, other);
        }
        let mut desk = Desk::default();
        let library = Library::builtin();
        for ((entry, crash), tick) in queue.iter().zip(crashes).zip(ticks) {
            prop_assert!(desk.offer(entry, &library, Offer::Take, false).is_some());
            if let Some(tick) = tick {
                desk.tick(Instant(MONDAY + tick * 1000), &library);
            }
            if crash {
                desk.restore();
            }
        }
        desk.tick(Instant(MONDAY + 4_300_000), &library);
        prop_assert_eq!(desk.book.next_due(), None);
        prop_assert_eq!(desk.standing(), batch(&entries));
        let taken: u32 = desk.receipts.values().map(|(.., copies)| copies).sum();
        prop_assert_eq!(taken as usize, queue.len());
    }
}

#[test]
fn a_review_needs_half_a_minute_two_sections_and_three_interactions() {
    let mut desk = Desk::default();
    let base = Entry::new("s", "p1", 0);
    let cases = [
        (Entry { lasted_s: Some(30), ..base.clone() }, vec![]),
        (Entry { lasted_s: Some(29), ..base.clone() }, vec!["too_short"]),
        (Entry { sections: 1, ..base.clone() }, vec!["too_few_sections"]),
        (Entry { interactions: 2, ..base.clone() }, vec!["too_few_interactions"]),
        (
            Entry { lasted_s: Some(3), sections: 0, interactions: 0, ..base },
            vec!["too_short", "too_few_sections", "too_few_interactions"],
        ),
    ];
    for (n, (mut entry, reasons)) in (0..).zip(cases) {
        (entry.id, entry.began_s) = (format!("s{n}"), i64::from(n) * 1000);
        desk.take(&entry);
        assert_eq!(desk.reasons("p1", &entry.id), reasons, "{entry:?}");
    }
}

#[test]
fn the_sixth_patient_within_five_minutes_turns_all_six() {
    let mut desk = Desk::default();
    for (n, patient) in (0..).zip(&PATIENTS[..5]) {
        desk.take(&Entry::new(&format!("s{n}"), patient, 60 * n));
    }
    // the fifth patient again, and a sixth exactly five minutes after the first: no burst yet
    desk.take(&Entry::new("again", "p5", 250));
    desk.take(&Entry::new("sixth", "p6", 300));
    assert!(desk.standing().values().all(|(_, reasons, patients)| reasons.is_empty() && *patients <= 5));
    // a second later would have been late enough; a second earlier is not
    desk.take(&Entry { revision: 2, status: RecordStatus::Amended, ..Entry::new("sixth", "p6", 299) });
    assert_eq!(desk.standing().len(), 7);
    assert!(desk.standing().values().all(|(_, reasons, patients)| *reasons == ["burst"] && *patients == 6));
    assert_eq!(desk.revisions["s0"], 6, "one for each patient who came");
    // withdrawn, it makes no burst any more
    let withdrawn = RecordStatus::EnteredInError;
    desk.take(&Entry { revision: 3, status: withdrawn, ..Entry::new("sixth", "p6", 299) });
    assert_eq!(desk.standing().len(), 6);
    assert!(desk.standing().values().all(|(_, reasons, _)| reasons.is_empty()));
}

#[test]
fn an_open_session_is_judged_when_it_is_closed_and_counts_for_bursts_before() {
    let mut desk = Desk::default();
    for (n, patient) in (0..).zip(&PATIENTS[..6]) {
        let lasted_s = (n < 5).then_some(40);
        desk.take(&Entry { lasted_s, ..Entry::new(&format!("s{n}"), patient, n) });
    }
    assert_eq!(desk.standing().len(), 5);
    assert!(desk.standing().values().all(|(_, reasons, _)| *reasons == ["burst"]));
    desk.take(&Entry { revision: 2, ..Entry::new("s5", "p6", 5) });
    assert_eq!(desk.reasons("p6", "s5"), ["burst"]);
}

#[test]
fn a_session_of_another_patient_after_all_is_taken_back_from_the_first() {
    let mut desk = Desk::default();
    desk.take(&Entry::new("s", "p1", 0));
    desk.take(&Entry { revision: 2, status: RecordStatus::Amended, ..Entry::new("s", "p2", 0) });
    let of = |patient: &str| desk.verdicts[&(patient.to_owned(), "s".to_owned())].clone();
    assert_eq!((of("p1").revision, of("p1").withdrawn), (2, true));
    assert_eq!((of("p2").revision, of("p2").withdrawn), (3, false));
}

#[test]
fn copies_are_counted_and_conflicts_not_applied() {
    let mut desk = Desk::default();
    let first = Entry::new("s", "p1", 0);
    assert_eq!(desk.take(&first), Some(Verdict::Accepted));
    assert_eq!(desk.take(&first), Some(Verdict::Duplicate));
    assert_eq!(desk.take(&Entry { interactions: 0, ..first.clone() }), Some(Verdict::Conflict));
    assert_eq!(desk.reasons("p1", "s"), Vec::<&str>::new());
    assert_eq!(desk.take(&Entry { revision: 3, ..first.clone() }), Some(Verdict::Accepted));
    assert_eq!(desk.take(&Entry { revision: 2, ..first }), Some(Verdict::Superseded));
    let receipt = |revision| desk.receipts[&("s".to_owned(), revision)];
    assert_eq!(receipt(1), ("accepted", Some("superseded"), 3));
    assert_eq!(receipt(2), ("accepted", Some("superseded"), 1));
    assert_eq!(receipt(3), ("accepted", None, 1));
}

#[test]
fn what_waits_is_taken_once_its_time_has_come_or_given_up() {
    let (mut desk, library) = (Desk::default(), Library::builtin());
    let entry = Entry::new("s", "p1", 0);
    assert_eq!(desk.offer(&entry, &library, Offer::Hold, false), Some(Verdict::Hold));
    assert_eq!(desk.take(&entry), Some(Verdict::Duplicate));
    assert_eq!(desk.standing().len(), 0);
    assert_eq!(desk.offer(&entry, &library, Offer::Take, true), Some(Verdict::Accepted));
    assert_eq!(desk.receipts[&("s".to_owned(), 1)], ("accepted", None, 2));
    desk.tick(Instant::MAX, &library);
    assert_eq!(desk.standing().len(), 1);
    let late = Entry::new("t", "p1", 0);
    assert_eq!(desk.offer(&late, &library, Offer::Hold, false), Some(Verdict::Hold));
    let over = Offer::GiveUp(Reason::FarFuture);
    assert!(matches!(desk.offer(&late, &library, over, true), Some(Verdict::Rejected { .. })));
    assert_eq!(desk.receipts[&("t".to_owned(), 1)], ("rejected", Some("far_future"), 1));
    assert_eq!(desk.take(&late), Some(Verdict::Accepted), "a rejected record may come again");
    assert_eq!(desk.receipts[&("t".to_owned(), 1)], ("accepted", None, 2));
}

#[test]
fn only_so_much_of_the_past_is_remembered() {
    let mut desk = Desk::default();
    for day in 0..200 {
        desk.take(&Entry::new(&format!("s{day}"), "p1", day * 86_400));
    }
    assert_eq!(desk.book.len(), 63);
    assert_eq!(desk.take(&Entry::new("s130", "p1", 130 * 86_400)), None, "who knows whether it was here");
    assert_eq!(desk.take(&Entry::new("new", "p1", 136 * 86_400)), None);
    assert_eq!(desk.take(&Entry::new("new", "p1", 137 * 86_400)), Some(Verdict::Accepted));
    // what no tick has come to judge is not forgotten
    let mut desk = Desk::default();
    for day in 0..200 {
        desk.offer(
            &Entry::new(&format!("s{day}"), "p1", day * 86_400),
            &Library::builtin(),
            Offer::Take,
            false,
        );
    }
    desk.tick(Instant::MAX, &Library::builtin());
    assert_eq!(desk.standing().len(), 200);
}

#[test]
fn each_session_is_judged_by_the_rule_that_is_valid_at_its_end() {
    let mut library = Library::builtin();
    let second = library.text(REVIEW_RULE, "default", None).unwrap();
    let second = second.replace("version = 1", "version = 2").replace("2000-01-01", "2026-01-02");
    library.add(REVIEW_RULE, "default", 2, &second.replace("seconds_min = 30", "seconds_min = 60")).unwrap();
    let mut desk = Desk::default();
    let midnight = (1_767_312_000_000 - MONDAY) / 1000;
    for (id, began_s) in [("before", midnight - 46), ("after", midnight - 45)] {
        desk.offer(&Entry::new(id, "p1", began_s), &library, Offer::Take, false);
    }
    desk.tick(Instant::MAX, &library);
    let found = |id: &str| desk.verdicts[&("p1".to_owned(), id.to_owned())].clone();
    assert_eq!((&*found("before").rule, found("before").judgement.is_service()), ("default@1", true));
    assert_eq!((&*found("after").rule, found("after").judgement.too_short), ("default@2", true));
}

#[test]
fn without_a_rule_sessions_wait_for_one() {
    let mut desk = Desk::default();
    let entry = Entry::new("s", "p1", 0);
    assert_eq!(desk.offer(&entry, &Library::default(), Offer::Take, false), Some(Verdict::Accepted));
    desk.tick(Instant::MAX, &Library::default());
    assert_eq!(desk.standing().len(), 0);
    desk.tick(Instant::MAX, &Library::builtin());
    assert_eq!(desk.standing().len(), 1);
}

#[test]
fn a_burst_that_arrives_as_it_happens_is_judged_once_it_is_over() {
    let (mut desk, library) = (Desk::default(), Library::builtin());
    for (n, patient) in (0..).zip(PATIENTS) {
        desk.offer(&Entry::new(&format!("s{n}"), patient, 30 * n), &library, Offer::Take, false);
        desk.tick(Instant(MONDAY + 30_000 * n + 45_000), &library);
    }
    let first_ends = Instant(MONDAY + 300_000);
    assert_eq!((desk.standing().len(), desk.book.next_due()), (0, Some(first_ends)));
    desk.tick(first_ends, &library);
    assert_eq!((desk.standing().len(), desk.reasons("p1", "s0")), (1, vec!["burst"]));
    desk.tick(Instant(MONDAY + 540_000), &library);
    assert_eq!(desk.standing().len(), 9);
    assert!(desk.revisions.values().all(|revisions| *revisions == 1));
}
