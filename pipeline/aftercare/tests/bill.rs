//! `aftercare bill` over real engines: a world's warranty, its closing, an invoice that adds up and comes out the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

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

fn close(stack: &Stack, month: &str) {
    let id = format!("closing/warranty-example/{month}");
    let closing = wire::Control { kind: wire::ControlKind::Closing, at: 0, id: Some(&id), body: None };
    let mut value = Vec::new();
    codec::encode("control", &closing, &mut value).unwrap();
    let writer = stack.cluster().writer().unwrap();
    for partition in 0..PARTITIONS {
        writer.write_to("control", partition, None, Some(&value), &[]).unwrap();
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
    let stack = Stack::start(PARTITIONS, LETTERHEAD);
    let mut serve = stack.serve("serve", &[("AFTERCARE_LOG", "info,aftercare=debug")]);
    write_world(&stack);
    let settled = stack.run(&["audit", "--wait", "120", "--deep"]);
    assert!(settled.status.success(), "{}\n{}", String::from_utf8_lossy(&settled.stdout), serve.log_tail());

    // the manufacturer and month with the most lines
    let most = sql(
        &stack,
        "SELECT payer, booking_period, count(), sum(amount_minor) FROM ledger FINAL WHERE kind = 'line' \
         AND payer != 'patient' GROUP BY payer, booking_period ORDER BY count() DESC, payer, booking_period LIMIT 1 \
         FORMAT TSV",
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

    close(&stack, month);
    let closed = wait_until("every task answers the closing", Duration::from_secs(60), || {
        let (_, said) = bill(&stack, &[&["run"][..], &which].concat());
        said.contains("closed, all 2 tasks have answered").then_some(said)
    });
    assert!(closed.contains(&total), "{closed}");
    let settled = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stdout));
    let pages = ["/metrics", "/readyz"].map(|path| serve.get(path).unwrap().1);
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
    let log = std::fs::read_to_string(stack.folder().join("serve.log")).unwrap();
    assert!(log.contains("stopping") && pages[0].contains("aftercare_records_total"));
    nobody_is_in(&stack, &[("the log", &log), ("the metrics", &pages[0]), ("readiness", &pages[1])]);
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
             AND kind IN ('line', 'held') FORMAT TSV",
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
