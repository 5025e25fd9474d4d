//! The table of cases. They are played in this order, in one world.

use aftercare_runtime::output::headers::FORWARDED;
use aftercare_schemas::codec::{GUID_HEADER, Registry};
use aftercare_schemas::wire::{Answer, Form, Metric, Reading, RecordStatus};

use crate::case::{Case, Receipt, Sent, case};
use crate::records::{DAY_MS, answered, enrolled, enrolment, framed, phq_2, reading, upload, worn};
use crate::{FUTURE_WAIT_MS, HOLD_MS, PARTITIONS};

/// Enrolled first of all.
const KNOWN: &str = "qx7-known";
const MINUTE_MS: i64 = 60_000;
const TEN_MB: usize = 10_000_000;
/// The PHQ-2 of `records::upload`.
const SCORED: &str = "\"scored\",\\N,3";

pub(crate) fn all(start: i64) -> Vec<Case> {
    let at = start - DAY_MS;
    let known = enrolled(&enrolment("qx7-enrolment", KNOWN, at - 30 * DAY_MS));
    let mut all = vec![case("an enrolment").sends(known).accepted("qx7-enrolment")];
    all.extend(bytes(at));
    all.extend(forms(at));
    all.extend(ids(at));
    all.extend(copies(at));
    all.extend(places(at));
    all.extend(readings(at));
    all.extend(sizes(at));
    all.extend(times(start));
    all
}

fn good(id: &str, at: i64) -> Vec<u8> {
    framed("prom-responses", &upload(id, KNOWN, at))
}

fn answers(value: impl Into<Option<Vec<u8>>>) -> Sent {
    Sent::new("prom-responses", KNOWN, value)
}

/// What is not ours.
fn bytes(at: i64) -> Vec<Case> {
    let whole = || good("qx7-bytes", at);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut value = whole();
        change(&mut value);
        value
    };
    let unknown_id = with(&|value| value[1..5].copy_from_slice(&u32::MAX.to_be_bytes()));
    let mut forged = upload("qx7-bytes", KNOWN, at);
    forged.forms.clear();
    let mut forged = framed("prom-responses", &forged);
    forged.pop();
    forged.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0x1f]);
    let stray = framed("enrolments", &enrolment("qx7-stray", KNOWN, at));
    let schema = Registry::released().subject("prom-responses").unwrap();
    let guid = [&[1][..], &schema.guid].concat();
    let body = good("qx7-header-form", at).split_off(5);
    let cut = |topic: &'static str, value: &[u8]| {
        let half = value[..value.len() / 2].to_vec();
        case("cut off, in another stream").sends(Sent::new(topic, KNOWN, half)).undecodable("truncated_avro")
    };
    let worn = worn(KNOWN, vec![reading(at)]).value.unwrap();
    vec![
        case("no value").sends(answers(None)).undecodable("no_value"),
        case("an empty value").sends(answers(Vec::new())).undecodable("truncated_avro"),
        case("truncated").sends(answers(with(&|value| value.truncate(40)))).undecodable("truncated_avro"),
        cut("enrolments", &stray),
        cut("wearable-readings", &worn),
        cut("clinical-events", &[0, 0, 0, 0]),
        case("foreign").sends(answers(b"{\"patient\": \"qx7\"}".to_vec())).undecodable("foreign_avro"),
        case("more behind it").sends(answers(with(&|value| value.push(0)))).undecodable("foreign_avro"),
        case("an unknown schema").sends(answers(unknown_id)).undecodable("unknown_schema"),
        case("a schema of another stream").sends(answers(stray)).undecodable("foreign_avro"),
        case("a list as long as the sea").sends(answers(forged)).undecodable("foreign_avro"),
        case("a header with an unknown schema")
            .sends(answers(body.clone()).header(GUID_HEADER, &[&[1][..], &[0xab; 16]].concat()))
            .undecodable("unknown_schema"),
        case("a header that is none")
            .sends(answers(body.clone()).header(GUID_HEADER, b"qx7"))
            .undecodable("foreign_avro"),
        case("a header with the schema")
            .sends(answers(body).header(GUID_HEADER, &guid))
            .accepted("qx7-header-form")
            .scored("qx7-header-form", SCORED),
        case("no tick").sends(Sent::new("control", KNOWN, b"qx7".to_vec())).undecodable("foreign_avro"),
    ]
}

/// What makes no sense.
fn forms(at: i64) -> Vec<Case> {
    let with = |id: &str, forms: Vec<Form<'_>>| {
        let mut upload = upload(id, KNOWN, at);
        upload.forms = forms;
        answered(&upload)
    };
    let stranger = Form { instrument: "qx7-instrument", ..phq_2(Some(1), Some(2)) };
    let mut odd = phq_2(Some(1), Some(2));
    odd.answers.push(Answer { item: "qx7-item", code: Some(1) });
    let rejected = |name, id: &str, forms, reason| case(name).sends(with(id, forms)).rejected(id, reason);
    vec![
        rejected("an unknown instrument", "qx7-instrument-1", vec![stranger], "unknown_instrument"),
        rejected("an unknown item", "qx7-item-1", vec![odd], "unknown_item"),
        rejected(
            "an answer out of range",
            "qx7-range",
            vec![phq_2(Some(1), Some(71_414))],
            "answer_out_of_range",
        ),
        rejected("no forms", "qx7-none", Vec::new(), "no_forms"),
        rejected(
            "an instrument twice",
            "qx7-twice",
            vec![phq_2(Some(1), Some(2)), phq_2(Some(0), Some(0))],
            "conflicting_content",
        ),
        case("missing answers")
            .sends(with("qx7-missing", vec![phq_2(Some(1), None)]))
            .judged("unscored")
            .receipt(Receipt::of("qx7-missing").is("unscored", Some("missing_answers")))
            .scored("qx7-missing", "\"unscored\",\"missing_answers\",\\N"),
    ]
}

/// Ids that are none, and what may not be kept.
fn ids(at: i64) -> Vec<Case> {
    let long = "qx7".repeat(TEN_MB / 3);
    let mut zone = enrolment("qx7-zone", KNOWN, at);
    zone.time_zone = Some("qx7/Zone");
    let mut spoken = upload("qx7-spoken", KNOWN, at);
    spoken.respondent = &long;
    let mut codes = enrolment("qx7-codes", KNOWN, at);
    codes.comorbidities = Some(vec![""; 5_000]);
    let reading = reading(at);
    vec![
        case("no id").sends(answered(&upload("", KNOWN, at))).undecodable("missing_id"),
        case("no patient").sends(answered(&upload("qx7-nobody", "", at))).undecodable("missing_id"),
        case("no device's patient").sends(worn("", vec![reading])).undecodable("missing_id"),
        case("an unknown zone").sends(enrolled(&zone)).rejected("qx7-zone", "unknown_time_zone"),
        case("an id of 10 MB").sends(answered(&upload(&long, KNOWN, at))).undecodable("text_too_long"),
        case("a text of 10 MB").sends(answered(&spoken)).undecodable("text_too_long"),
        case("thousands of codes").sends(enrolled(&codes)).undecodable("text_too_long"),
        case("a patient of 10 MB").sends(worn(&long, vec![reading]).key(None)).undecodable("text_too_long"),
    ]
}

/// Duplicates, conflicts, corrections.
fn copies(at: i64) -> Vec<Case> {
    const ID: &str = "qx7-copies";
    let first = upload(ID, KNOWN, at);
    let mut other = first.clone();
    other.forms = vec![phq_2(Some(0), Some(0))];
    let mut amended = other.clone();
    (amended.revision, amended.status) = (2, RecordStatus::Amended);
    let mut withdrawn = amended.clone();
    (withdrawn.revision, withdrawn.status) = (3, RecordStatus::EnteredInError);
    let receipt = Receipt::of(ID);
    let copied = |duplicates, conflicts| Receipt { duplicates, conflicts, ..receipt.clone() };
    let revised = |revision| Receipt { revision, ..receipt.clone() };
    let superseded = |receipt: Receipt| receipt.is("accepted", Some("superseded"));
    vec![
        case("a good upload").sends(answered(&first)).accepted(ID).scored(ID, SCORED),
        case("a duplicate").sends(answered(&first)).judged("duplicate").receipt(copied(1, 0)),
        case("the same revision with other content")
            .sends(answered(&other))
            .judged("conflict")
            .letter("VALIDATE", "conflicting_content")
            .receipt(copied(1, 1))
            .scored(ID, SCORED),
        case("an amendment")
            .sends(answered(&amended))
            .judged("accepted")
            .receipt(superseded(copied(1, 1)))
            .receipt(revised(2))
            .scored(ID, "\"scored\",\\N,0"),
        case("a withdrawal")
            .sends(answered(&withdrawn))
            .judged("accepted")
            .receipt(superseded(revised(2)))
            .receipt(revised(3))
            .scored(ID, "\"withdrawn\",\"entered_in_error\",\\N"),
        case("an amendment after the withdrawal")
            .sends(answered(&amended))
            .judged("duplicate")
            .receipt(superseded(Receipt { duplicates: 1, ..revised(2) })),
    ]
}

/// Partitions and keys.
fn places(at: i64) -> Vec<Case> {
    let misplaced = |id| answered(&upload(id, KNOWN, at)).misplaced();
    vec![
        case("the wrong partition")
            .sends(misplaced("qx7-misplaced"))
            .forwarded()
            .accepted("qx7-misplaced")
            .scored("qx7-misplaced", SCORED),
        case("the wrong partition, of readings")
            .sends(worn("qx7-wearer", vec![reading(at)]).misplaced())
            .forwarded()
            .readings("accepted", "", 1),
        case("the wrong partition again")
            .sends(misplaced("qx7-loop").header(FORWARDED, b"elsewhere"))
            .letter("ROUTE", "wrong_partition_loop"),
        case("a forged trace of being sent on")
            .sends(misplaced("qx7-forged").header(FORWARDED, b"0:0"))
            .letter("ROUTE", "wrong_partition_loop"),
        case("no key").sends(answered(&upload("qx7-keyless", KNOWN, at)).key(None)).accepted("qx7-keyless"),
        case("somebody else's key")
            .sends(answered(&upload("qx7-foreign-key", KNOWN, at)).key(Some(b"\xff\x00qx7")))
            .accepted("qx7-foreign-key"),
    ]
}

fn readings(at: i64) -> Vec<Case> {
    let two = || vec![reading(at), reading(at + 1_000)];
    let worn = |readings: Vec<Reading<'_>>| worn(KNOWN, readings);
    let rejected = |name, reading: Reading<'_>, reason: &'static str| {
        case(name).sends(worn(vec![reading])).readings("rejected", reason, 1).letter("VALIDATE", reason)
    };
    let valued = |value| Reading { value, ..reading(at) };
    let monthly = |month: i64| reading(at - month * 30 * DAY_MS);
    vec![
        case("good readings").sends(worn(two())).readings("accepted", "", 2),
        case("the same readings").sends(worn(two())).readings("duplicate", "", 2),
        case("another value of the same moment")
            .sends(worn(vec![valued(72.5), reading(at + 2_000)]))
            .readings("conflicting", "conflicting_content", 1)
            .readings("accepted", "", 1)
            .letter("VALIDATE", "conflicting_content"),
        rejected("an unknown metric", Reading { metric: Metric::Unknown, ..reading(at) }, "unknown_metric"),
        rejected("an unsupported unit", Reading { unit: "qx7", ..reading(at) }, "unsupported_unit"),
        rejected("not a number", valued(f64::NAN), "implausible_value"),
        rejected("without end", valued(f64::NEG_INFINITY), "implausible_value"),
        rejected("before there were wearables", reading(-1), "implausible_value"),
        rejected("at the beginning of time", reading(i64::MIN), "implausible_value"),
        case("no readings").sends(worn(Vec::new())).undecodable("empty_upload"),
        case("behind everything that is live")
            .sends(worn(vec![reading(at - DAY_MS)]))
            .readings("late", "", 1),
        case("a wild clock: thirty years, a reading a month")
            .sends(crate::records::worn("qx7-wild", (0..360).rev().map(monthly).collect()))
            .readings("accepted", "", 360),
    ]
}

fn sizes(at: i64) -> Vec<Case> {
    let zeros = |size: usize| answers(vec![1; size]);
    // 20 bytes each, 50 in a second.
    let many: Vec<_> = (0..500_000).map(|i| reading(at + i * 20)).collect();
    let n = many.len() as u64;
    let headers = answers(good("qx7-headers", at)).header("qx7", &vec![7; 17_000_000]);
    vec![
        case("10 MB of readings").sends(worn("qx7-many", many)).readings("accepted", "", n),
        case("10 MB of garbage").sends(zeros(TEN_MB)).undecodable("foreign_avro"),
        case("17 MB").sends(zeros(17_000_000)).undecodable("record_too_large"),
        case("17 MB of headers").sends(headers).undecodable("record_too_large"),
        case("more than a dead letter carries").sends(zeros(21_500_000)).undecodable("record_too_large"),
    ]
}

/// What waits, and how the waiting ends.
fn times(start: i64) -> Vec<Case> {
    let ahead = start + 120 * MINUTE_MS;
    let near = start + 10 * MINUTE_MS + 20_000;
    let padding = "qx7".repeat(TEN_MB / 3);
    let mut large = upload("qx7-large", KNOWN, ahead);
    large.forms[0].answers.push(Answer { item: &padding, code: None });
    let mut eternal = enrolment("qx7-eternal", "qx7-ancient", i64::MAX);
    eternal.treated_at = Some(i64::MIN);
    let future = |name, id, at| case(name).sends(answered(&upload(id, KNOWN, at))).held(id);
    let early = upload("qx7-early", "qx7-late", start);
    let lost = upload("qx7-lost", "qx7-unknown", start);
    let waited = start + FUTURE_WAIT_MS;
    let given_up = waited + HOLD_MS;
    vec![
        future("far ahead", "qx7-ahead", ahead),
        future("at the end of time", "qx7-end", i64::MAX),
        future("a little ahead", "qx7-near", near),
        case("10 MB far ahead").sends(answered(&large)).held("qx7-large"),
        case("readings far ahead")
            .sends(worn("qx7-ahead", vec![reading(start), reading(ahead)]))
            .readings("accepted", "", 1)
            .readings("held", "far_future", 1),
        case("its time has come").at_tick(start + 20_000).accepted("qx7-near").scored("qx7-near", SCORED),
        case("the wait for the time is over")
            .at_tick(waited)
            .given_up("qx7-ahead", "far_future")
            .given_up("qx7-end", "far_future")
            .given_up("qx7-large", "far_future")
            .readings("rejected", "far_future", 1)
            .letter("HOLD", "far_future"),
        case("before the enrolment").sends(answered(&early)).held("qx7-early"),
        case("the enrolment")
            .sends(enrolled(&enrolment("qx7-enrolment-2", "qx7-late", start - DAY_MS)))
            .accepted("qx7-enrolment-2")
            .accepted("qx7-early")
            .scored("qx7-early", SCORED),
        case("an unknown patient").sends(answered(&lost)).held("qx7-lost"),
        case("the wait for the enrolment is over").at_tick(given_up).given_up("qx7-lost", "unknown_patient"),
        case("the enrolment after all")
            .sends(enrolled(&enrolment("qx7-enrolment-3", "qx7-unknown", start - DAY_MS)))
            .accepted("qx7-enrolment-3"),
        case("sent again")
            .sends(answered(&lost))
            .judged("accepted")
            .receipt(Receipt { duplicates: 1, ..Receipt::of("qx7-lost") })
            .scored("qx7-lost", SCORED),
        case("treated at the beginning of time").sends(enrolled(&eternal)).accepted("qx7-eternal"),
        case("answered at the beginning of time")
            .sends(answered(&upload("qx7-first", "qx7-ancient", i64::MIN)))
            .accepted("qx7-first")
            .scored("qx7-first", SCORED),
        case("answered now, treated then")
            .sends(answered(&upload("qx7-now", "qx7-ancient", start)))
            .accepted("qx7-now")
            .scored("qx7-now", SCORED),
    ]
}

pub(crate) fn last_upload(partition: i32) -> String {
    format!("qx7-last-{partition}")
}

/// A good upload of a new patient to each partition.
pub(crate) fn at_last(start: i64) -> Vec<Sent> {
    let mut sent = Vec::new();
    for partition in 0..PARTITIONS {
        let lives_there = |patient: &String| {
            aftercare_stream::partitioner::partition_of(patient.as_bytes(), PARTITIONS) == partition
        };
        let patient = (0..).map(|n| format!("qx7-new-{n}")).find(lives_there).unwrap();
        sent.push(enrolled(&enrolment("qx7-enrolment-last", &patient, start - DAY_MS)));
        sent.push(answered(&upload(&last_upload(partition), &patient, start)));
    }
    sent
}
