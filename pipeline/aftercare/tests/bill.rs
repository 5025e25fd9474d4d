//! `aftercare bill` over real engines: a world's warranty, its closing, an invoice that adds up and comes out the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "bill/export.rs"]
mod export;
#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_core::money::Minor;
use aftercare_core::time::Instant;
use aftercare_schemas::{codec, wire};
use aftercare_sim::world::{Settings, World};
use aftercare_stream::partitioner::partition_of;

use sql::sql;
use support::{Stack, wait_until};

const PARTITIONS: i32 = 2;
const DAY_MS: i64 = 86_400_000;

/// Read by `bill export`.
const LETTERHEAD: &str = r#"
[invoice]
issuer = ["Follow-up Example Ltd.", "12 Canal Street", "200040 Shanghai", "Tax number 0000 1111 2222"]
[invoice.recipients]
maker-a = ["Maker A Medical Co., Ltd.", "Accounts payable", "88 Example Road", "200120 Shanghai"]
maker-b = ["Maker B Devices Co., Ltd.", "Accounts payable", "7 Example Road", "100020 Beijing"]
"#;

/// Writes half a year of patients and clinicians that ends now.
fn write_world(stack: &Stack) {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let days = 180;
    let settings = Settings {
        seed: 3,
        patients: 40,
        start: Instant(now - i64::from(days) * DAY_MS),
        days,
        wearers_permille: 50,
        sessions: true,
        ..Settings::default()
    };
    let writer = stack.cluster().writer().unwrap();
    for record in World::new(settings).filter(|record| record.at < now) {
        let partition = partition_of(&record.key, PARTITIONS);
        writer.write_to(record.topic, partition, Some(&record.key), Some(&record.value), &[]).unwrap();
    }
    writer.flush().unwrap();
}

/// Runs `aftercare bill`; its exit code and what it printed.
fn bill(stack: &Stack, args: &[&str]) -> (i32, String) {
    let out = stack.run(&[&["bill"], args].concat());
    let text = String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), text + &String::from_utf8_lossy(&out.stderr))
}

#[test]
fn a_manufacturer_s_month_is_billed_closed_and_explained() {
    let stack = Stack::start(PARTITIONS, &format!("{LETTERHEAD}{}", export::PARTIES));
    let mut serve = stack.serve("serve", &[("AFTERCARE_LOG", "info,aftercare=debug")]);
    write_world(&stack);
    let settled = stack.run(&["audit", "--wait", "120", "--deep"]);
    assert!(settled.status.success(), "{}\n{}", String::from_utf8_lossy(&settled.stdout), serve.log_tail());

    // the manufacturer and month with the most lines, of those that are over
    let most = sql(
        &stack,
        "SELECT payer, booking_period, count(), sum(amount_minor) FROM ledger FINAL WHERE kind = 'line' \
         AND payer != 'patient' AND booking_period < formatDateTime(now(), '%Y-%m', 'Asia/Shanghai') \
         GROUP BY payer, booking_period ORDER BY count() DESC, payer, booking_period LIMIT 1 FORMAT TSV",
    );
    let most: Vec<&str> = most.trim().split('\t').collect();
    let [manufacturer, month, lines, sum] = most[..] else { panic!("no line of a manufacturer: {most:?}") };
    let total = Minor(sum.parse().unwrap()).text(2);
    let which = ["--month", month, "--manufacturer", manufacturer];

    let (code, open) = bill(&stack, &[&["run"][..], &which].concat());
    assert_eq!(code, 0, "{open}");
    assert!(open.contains("warranty-example: open"), "{open}");
    assert!(open.lines().any(|line| line.contains("total") && line.contains(&total)), "{total} in\n{open}");

    it_is_exported_twice_the_same(&stack, &which, lines, &total);
    its_entries_explain_themselves(&stack, manufacturer, month);

    export::an_open_month_gives_drafts(&stack, month);
    export::the_books_of_the_open_month_balance(&stack);

    it_is_refused_while_something_is_wrong(&stack, month);
    it_is_closed_though_killed_and_run_twice_at_once(&stack, month);
    let (code, closed) = bill(&stack, &[&["run"][..], &which].concat());
    assert!(code == 0 && closed.contains("warranty-example: closed, all 2 tasks have answered"), "{closed}");
    assert!(closed.contains(&total), "{closed}");
    it_is_exported_twice_the_same(&stack, &which, lines, &total);
    export::a_closed_month_is_exported(&stack, month, manufacturer);
    what_came_in_is_accounted_for(&stack);
    a_population_is_settled(&stack);
    let settled = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stdout));
    export::a_payer_in_the_eu_gets_ubl(&stack, month, manufacturer);
    let pages = ["/metrics", "/readyz"].map(|path| serve.get(path).unwrap().1);
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
    let log = std::fs::read_to_string(stack.folder().join("serve.log")).unwrap();
    assert!(log.contains("stopping") && pages[0].contains("aftercare_records_total"));
    nobody_is_in(&stack, &[("the log", &log), ("the metrics", &pages[0]), ("readiness", &pages[1])]);
}

/// Closing is refused, with the place, and nothing is written.
fn it_is_refused_while_something_is_wrong(stack: &Stack, month: &str) {
    let close = |of: &str, more: &[&str]| {
        bill(stack, &[&["close", "--month", of, "--grace", "0", "--wait", "3"], more].concat())
    };
    let this_month = sql(stack, "SELECT formatDateTime(now(), '%Y-%m', 'Asia/Shanghai')");
    let (code, said) = close(&this_month, &[]);
    assert!(code == 4 && said.contains(&format!("{this_month} is not over")), "{said}");
    let first = sql(stack, "SELECT min(booking_period) FROM ledger");
    assert!(*first < *month, "{first} {month}");
    let (code, said) = close(month, &[]);
    assert!(
        code == 4 && said.contains(&format!("{first} is open, and months are closed in their order")),
        "{said}"
    );

    // a run of sequences whose proof is lost
    let run = "topic = 'ledger' AND partition = 1";
    sql(stack, "CREATE TABLE proof AS coverage");
    sql(stack, &format!("INSERT INTO proof SELECT * FROM coverage WHERE {run}"));
    let lost = sql(stack, &format!("SELECT min(last_sequence) FROM coverage WHERE {run}"));
    sql(stack, &format!("DELETE FROM coverage WHERE {run} AND last_sequence = {lost}"));
    let (code, said) = close(month, &["--earlier"]);
    assert!(code == 4 && said.contains(&format!("not closed: ledger 1: lacks 1 to {lost}")), "{said}");
    sql(stack, "INSERT INTO coverage SELECT * FROM proof");

    // a line that somebody doubled
    let copy = "SELECT * REPLACE (concat(entry_id, '9') AS entry_id) FROM ledger AS l FINAL";
    let entry = sql(
        stack,
        &format!(
            "SELECT min(entry_id) FROM ledger FINAL WHERE booking_period = '{first}' AND kind = 'line' AND component = 'fee' \
             AND entry_id NOT IN (SELECT assumeNotNull(reverses) FROM ledger WHERE reverses IS NOT NULL)"
        ),
    );
    sql(stack, &format!("INSERT INTO ledger {copy} WHERE l.entry_id = '{entry}'"));
    let (code, said) = bill(stack, &["reconcile", "--month", &first]);
    let fault = format!("entries that stand beside another of the same component and payer (2): {entry}");
    assert!(code == 4 && said.contains(&fault), "{said}");
    let (code, said) = close(&first, &[]);
    assert!(code == 4 && said.contains("not closed") && said.contains(&fault), "{said}");
    sql(stack, &format!("DELETE FROM ledger WHERE entry_id = '{entry}9'"));

    let (code, said) = close(month, &["--earlier", "--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("{first} of warranty-example would be closed")), "{said}");
    assert!(said.contains(&format!("{month} of warranty-example would be closed")), "{said}");
    assert_eq!(sql(stack, "SELECT count() FROM ledger WHERE kind = 'marker'"), "0");
}

/// One is killed when it has written its first closing, then two go on at once.
fn it_is_closed_though_killed_and_run_twice_at_once(stack: &Stack, month: &str) {
    let args = ["bill", "close", "--month", month, "--grace", "0", "--earlier"];
    let mut killed = stack.command(&args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let told = BufReader::new(killed.stderr.take().unwrap()).lines();
    let written = told.map_while(Result::ok).find(|line| line.contains("the closing is written"));
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success() && written.is_some());

    let both = [0, 1].map(|_| stack.command(&args).stdout(Stdio::piped()).spawn().unwrap());
    let [one, other] = both.map(|closing| closing.wait_with_output().unwrap());
    assert!(one.status.success() && other.status.success());
    let again = stack.run(&args);
    let said = String::from_utf8(again.stdout).unwrap();
    assert!(said.contains("closed, all 2 tasks have answered"), "{said}");
    assert_eq!(String::from_utf8(one.stdout).unwrap(), said);
    assert_eq!(String::from_utf8(other.stdout).unwrap(), said);
    let answers = "SELECT count(), uniqExact(entry_id), uniqExact(closing_id) FROM ledger WHERE kind = 'marker' FORMAT TSV";
    let answers = sql(stack, answers);
    let [rows, ids, closings] = answers.split('\t').collect::<Vec<_>>()[..] else { panic!("{answers}") };
    let [rows, ids, closings] = [rows, ids, closings].map(|n| n.parse::<i32>().unwrap());
    assert!(closings > 1 && ids == closings * PARTITIONS && rows == ids, "{answers}");
    let (code, said) = bill(stack, &["reconcile", "--month", month]);
    assert!(code == 0 && said.contains("It adds up."), "{said}");
}

/// All of the world came in this month, and each upload of a patient under the contract has one fate.
fn what_came_in_is_accounted_for(stack: &Stack) {
    let this_month = sql(stack, "SELECT formatDateTime(now(), '%Y-%m', 'Asia/Shanghai')");
    let (code, said) = bill(stack, &["reconcile", "--month", &this_month, "--contract", "warranty-example"]);
    assert!(code == 0 && said.contains("It adds up."), "{said}");
    let received = said.lines().find_map(|line| line.trim().strip_prefix("received")).unwrap();
    let received: Vec<u64> = received.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let copies = sql(
        stack,
        "SELECT sum(copies) FROM receipts FINAL WHERE topic = 'prom-responses' \
         AND patient_id IN (SELECT assumeNotNull(patient_id) FROM ledger WHERE contract = 'warranty-example')",
    );
    assert_eq!(received.iter().sum::<u64>().to_string(), copies, "{said}");
    for fate in ["billed in an earlier month", "not billed: ", "superseded by a higher revision"] {
        assert!(said.contains(fate), "{fate} in\n{said}");
    }
}

/// Two of colon cancer in 2020, free of relapse after three years: a rate of 100 %, and 50,000 for each.
fn a_population_is_settled(stack: &Stack) {
    // 2020-05-04 and 2023-05-10
    let (treated_at, seen_at) = (1_588_550_400_000, 1_683_676_800_000);
    let writer = stack.cluster().writer().unwrap();
    let write = |topic: &'static str, patient: &str, value: Vec<u8>| {
        writer.write(topic, patient.as_bytes(), &value, &[]).unwrap();
    };
    for patient in ["colon-patient-1", "colon-patient-2"] {
        let mut value = Vec::new();
        let enrolment = wire::Enrolment {
            id: patient,
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: patient,
            episode_id: patient,
            recorded_at: treated_at,
            effective_at: treated_at,
            treated_at: Some(treated_at),
            organisation: Some("org-east"),
            contract: Some("ltop-colon-example"),
            ..wire::Enrolment::default()
        };
        codec::encode("enrolments", &enrolment, &mut value).unwrap();
        write("enrolments", patient, value);
        let mut value = Vec::new();
        let seen = wire::ClinicalEvent {
            id: patient,
            revision: 1,
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: patient,
            happened_at: seen_at,
            episode_id: None,
            ended_at: None,
            kind: wire::ClinicalKind::Assessment,
            coding: None,
            code: None,
            result: None,
            value: None,
            unit: None,
            comparator: None,
            related_id: None,
            provider: None,
            amount_minor: None,
            currency: None,
            cost_category: None,
            cost_nature: None,
            payers: Vec::new(),
        };
        codec::encode("clinical-events", &seen, &mut value).unwrap();
        write("clinical-events", patient, value);
    }
    writer.flush().unwrap();
    wait_until("the measures", Duration::from_secs(60), || {
        (sql(stack, "SELECT count() FROM ledger WHERE kind = 'measure'") == "4").then_some(())
    });
    let own = ["--month", "2020-05", "--contract", "ltop-colon-example"];
    let settlement = "ltop-colon-example, pool 2020, settlement 1: free 2, known 2";
    let bonuses =
        "SELECT count(), sum(amount_minor) FROM ledger FINAL WHERE component = 'outcome_bonus' FORMAT TSV";
    let (code, said) = bill(stack, &[&["run", "--dry-run"][..], &own].concat());
    assert!(code == 0 && said.contains(&format!("not settled yet: {settlement}")), "{said}");
    assert_eq!(sql(stack, bonuses), "0\t0");
    let (code, said) = bill(stack, &[&["close", "--dry-run"][..], &own].concat());
    assert!(code == 0 && said.contains(&format!("settled first: {settlement}")), "{said}");
    for _ in 0..2 {
        let (code, said) = bill(stack, &[&["close"][..], &own].concat());
        assert!(
            code == 0 && said.contains("ltop-colon-example: closed, all 2 tasks have answered"),
            "{said}"
        );
        assert_eq!(sql(stack, bonuses), "2\t10000000");
    }
    let answers =
        "SELECT entry_id FROM ledger WHERE kind = 'marker' AND entry_id LIKE '%colon%' ORDER BY entry_id";
    let answers = sql(stack, answers);
    let expected = ["closing/ltop-colon-example/2020-05", "settlement/ltop-colon-example/2020/1"];
    let expected = expected.map(|id| format!("{id}/0\n{id}/1"));
    assert_eq!(answers, expected.join("\n"));
    let (code, said) = bill(stack, &["run", "--month", "2024-01", "--contract", "ltop-colon-example"]);
    assert!(code == 0 && said.contains("100000.00 CNY"), "{said}");
}

/// All that went through names people and their values by the thousand; none of it is for whoever runs the machines.
fn nobody_is_in(stack: &Stack, texts: &[(&str, &str)]) {
    let names = sql(
        stack,
        "SELECT DISTINCT arrayJoin([patient_id, upload_id, ifNull(clinician_id, ''), ifNull(toString(index), ''), \
         ifNull(toString(expected), '')]) AS name FROM scores UNION DISTINCT \
         SELECT arrayJoin([patient_id, device_id, toString(mean), ifNull(toString(sd), '')]) FROM windows UNION DISTINCT \
         SELECT arrayJoin([alert_id, patient_id]) FROM alerts UNION DISTINCT \
         SELECT arrayJoin([entry_id, ifNull(patient_id, '')]) FROM ledger UNION DISTINCT \
         SELECT arrayJoin([review_id, reviewer_id]) FROM reviews",
    );
    // a short number may stand anywhere
    let names: Vec<&str> = names.lines().filter(|name| name.len() > 8).collect();
    assert!(names.len() > 2_000, "{}", names.len());
    for (place, text) in texts {
        for name in &names {
            if let Some(line) = text.lines().find(|line| line.contains(name)) {
                panic!("{place} says {name}: {line}");
            }
        }
    }
}

fn it_is_exported_twice_the_same(stack: &Stack, which: &[&str], lines: &str, total: &str) {
    let export = |name: &str| {
        let path = stack.folder().join(name);
        let out = path.to_str().unwrap();
        let (code, said) = bill(stack, &[&["export", "--out", out][..], which].concat());
        assert_eq!(code, 0, "{said}");
        std::fs::read(path).unwrap()
    };
    let (first, second) = (export("first.csv"), export("second.csv"));
    assert!(first == second);
    let text = String::from_utf8(first).unwrap();
    // a head, the lines, the total
    assert_eq!(text.lines().count(), lines.parse::<usize>().unwrap() + 2);
    assert!(text.lines().last().unwrap().contains(&format!("total,,,,{total},CNY")), "{text}");
    let (_, printed) = bill(stack, &[&["export"][..], which].concat());
    assert_eq!(printed, text);
    let page = stack.folder().join("bill.html");
    let (code, said) =
        bill(stack, &[&["export", "--format", "html", "--out", page.to_str().unwrap()][..], which].concat());
    assert_eq!(code, 0, "{said}");
    if let Some(shots) = std::env::var_os("AFTERCARE_SHOTS") {
        std::fs::copy(&page, std::path::Path::new(&shots).join("bill.html")).unwrap();
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<details>").count(), lines.parse::<usize>().unwrap());
    assert!(page.contains(&format!("Total</th><td></td><th class=\"n\">{total} CNY")), "{page}");
    assert!(page.contains("Follow-up Example Ltd.") && page.contains("Accounts payable"), "{page}");
}

fn its_entries_explain_themselves(stack: &Stack, manufacturer: &str, month: &str) {
    let own = format!("FROM ledger FINAL WHERE payer = '{manufacturer}' AND booking_period = '{month}'");
    let found = sql(stack, &format!("SELECT min(entry_id) {own} AND component = 'fee' FORMAT TSV"));
    let (code, said) = bill(stack, &["explain", found.trim()]);
    assert_eq!(code, 0, "{said}");
    for expected in
        [found.trim(), "owes", "Contract warranty-example, version 1", "Treated on", "Slot", "share of"]
    {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let patient =
        sql(stack, &format!("SELECT patient_id {own} AND entry_id = '{}' FORMAT TSV", found.trim()));
    let (code, said) = bill(stack, &["explain", "--patient", patient.trim(), "--month", month]);
    assert_eq!(code, 0, "{said}");
    let count = sql(
        stack,
        &format!(
            "SELECT count() FROM ledger FINAL WHERE patient_id = '{}' AND booking_period = '{month}' \
             AND (kind = 'line' OR kind = 'held' AND reason NOT IN ('settled', 'withdrawn') AND entry_id NOT IN \
             (SELECT assumeNotNull(reverses) FROM ledger WHERE kind = 'held' AND reverses IS NOT NULL)) FORMAT TSV",
            patient.trim()
        ),
    );
    // a sentence and an id for each
    assert_eq!(said.lines().count(), 2 * count.trim().parse::<usize>().unwrap(), "{said}");
    assert!(said.lines().any(|line| line.trim() == found.trim()), "{said}");

    // what was held and then billed shows both, and what became of it
    let settled = sql(
        stack,
        "SELECT min(entry_id) FROM ledger FINAL WHERE kind = 'held' AND reason = 'settled' FORMAT TSV",
    );
    let (code, said) = bill(stack, &["explain", settled.trim()]);
    assert!(code == 0 && said.contains("Its history:") && said.contains("What it takes back:"), "{said}");
    assert!(said.contains("what it waited for has come  < this entry"), "{said}");
    let (code, said) = bill(stack, &["explain", "warranty-example/nobody/slot-01/fee/m/0"]);
    assert!(code == 1 && said.contains("no such entry"), "{said}");
}
