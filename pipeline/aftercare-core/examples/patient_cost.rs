//! What a year of a stent patient's questionnaires costs: time for each response, bytes of state in memory and encoded.
//!
//! `cargo run --release -p aftercare-core --example patient_cost [PATIENTS]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people to read")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use aftercare_core::curve::Curves;
use aftercare_core::documents::Library;
use aftercare_core::facts::{
    Answer, Body, EnrolmentFact, FormFact, InputKind, RecordHead, RecordStatus, Source, UploadFact,
};
use aftercare_core::patient::{Changes, Judges, Patient, Verdict};
use aftercare_core::time::{Instant, Millis};

/// One before the treatment, then one each fortnight.
const UPLOADS: i64 = 27;

/// Counts the bytes that a common allocator would set aside: 8 of its own, rounded up to 16, at least 32.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn set_aside(layout: Layout) -> usize {
    ((layout.size() + 8).div_ceil(16) * 16).max(32)
}

/// There is one thread, so that this needs no locked instruction, which would cost more than what is measured.
fn add(counter: &AtomicUsize, by: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(&IN_USE, set_aside(layout));
        add(&CALLS, 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(&IN_USE, set_aside(layout).wrapping_neg());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn forms(step: i32) -> Vec<FormFact<'static>> {
    let level = |salt: i32, levels: i32| Some(1 + (step * 7 + salt * 3) % levels);
    let form = |instrument, items: &[&'static str], levels: i32, from: i32| {
        let answer = |(salt, item): (i32, &&'static str)| Answer {
            item,
            code: level(salt, levels).map(|code| code - 1 + from),
        };
        FormFact { instrument, instrument_version: None, answers: (0..).zip(items).map(answer).collect() }
    };
    vec![
        form("saq-7", &["pl_a", "pl_b", "pl_c", "af_2", "af_3", "ql_4", "ql_5"], 5, 1),
        form("eq-5d-5l", &["mo", "sc", "ua", "pd", "ad"], 5, 1),
        form("phq-2", &["phq2_1", "phq2_2"], 4, 0),
        form("rose-dyspnea", &["rose_1", "rose_2", "rose_3", "rose_4"], 2, 0),
    ]
}

fn enrol(patient: &mut Patient, library: &Library, treated: Instant) {
    let fact = EnrolmentFact {
        episode_id: "0d9a2c4e-0001",
        treated_at: Some(treated),
        procedure: Some("pci"),
        device: Some("stent-x"),
        manufacturer: Some("acme-devices"),
        birth_year: Some(1950),
        sex: Some("female"),
        comorbidities: Some(vec!["I10"]),
        organisation: Some("hospital-7"),
        care_team: Some("team-3"),
        clinician_id: Some("clinician-19"),
        plan: Some("coronary-stent"),
        contract: Some("pacs"),
        time_zone: Some("Asia/Shanghai"),
        ..EnrolmentFact::default()
    };
    let head = RecordHead {
        kind: InputKind::Enrolment,
        id: "enrolment-1",
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        event_at: treated,
        digest: 1,
        retry: false,
    };
    assert_eq!(patient.offer(&head, &Body::Enrolment(fact), treated, library), Verdict::Accepted);
}

/// Nanoseconds that this thread spent on a processor (Linux), so that other work on the machine doesn't count.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn main() {
    let patients_given = std::env::args().nth(1).map(|count| count.parse().unwrap());
    let count: usize = patients_given.unwrap_or(4_000);
    let library = Library::builtin();
    let curves = Curves::default();
    let mut judges = Judges { library: &library, curves: &curves, partition: 0, last_sequence: 0 };
    let treated = Instant(1_700_000_000_000);
    let mut changes = Changes::default();
    let mut patients = vec![Patient::default(); count];
    let before = IN_USE.load(Ordering::Relaxed);
    for patient in &mut patients {
        enrol(patient, &library, treated);
        patient.changes(&judges, &mut changes);
        judges.last_sequence += changes.contributions.len() as u64;
    }
    println!("upload   CPU ns/response   allocations   rows");
    for step in 0..UPLOADS {
        let answered = treated.saturating_add(Millis::days(if step == 0 { -1 } else { 14 * step }));
        let arrivals: Vec<(String, Body<'static>)> = (0..count)
            .map(|patient| {
                let forms = forms(i32::try_from(step).unwrap() + i32::try_from(patient % 11).unwrap());
                let id = format!("{patient:08x}-89ab-4cde-8f01-{step:012x}");
                let upload = UploadFact {
                    episode_id: Some("0d9a2c4e-0001"),
                    answered_at: answered,
                    uploaded_at: answered.saturating_add(Millis(90_000)),
                    respondent: "patient",
                    forms,
                };
                (id, Body::Upload(upload))
            })
            .collect();
        let calls = CALLS.load(Ordering::Relaxed);
        let start = cpu_nanos();
        let mut rows = 0;
        for (patient, (id, body)) in patients.iter_mut().zip(&arrivals) {
            let head = RecordHead {
                kind: InputKind::PromResponse,
                id,
                revision: 1,
                status: RecordStatus::Final,
                source: Source::Live,
                event_at: answered,
                digest: 0x9e37_79b9_7f4a_7c15,
                retry: false,
            };
            patient.offer(&head, body, answered, &library);
            patient.changes(&judges, &mut changes);
            judges.last_sequence += changes.contributions.len() as u64;
            rows += changes.scores.len();
        }
        let nanos = (cpu_nanos() - start) / u64::try_from(count).unwrap();
        let calls = (CALLS.load(Ordering::Relaxed) - calls) / count;
        println!("{step:6} {nanos:17} {calls:13} {:6}", rows / count);
    }
    changes.clear();
    let in_memory = (IN_USE.load(Ordering::Relaxed) - before) / count + size_of::<Patient>();
    let encoded = postcard::to_allocvec(&patients[0]).unwrap();
    let start = cpu_nanos();
    for _ in 0..count {
        let patient: Patient = postcard::from_bytes(&encoded).unwrap();
        std::hint::black_box(patient);
    }
    let decode = (cpu_nanos() - start) / u64::try_from(count).unwrap();
    println!("state: {in_memory} bytes in memory, {} encoded, decoded in {decode} ns", encoded.len());
}
