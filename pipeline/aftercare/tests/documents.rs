//! `aftercare document` and a curve from elsewhere over real engines: what is published holds for a system that runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_core::documents::{PLAN, PriorDocument, SHIPPED};
use aftercare_core::time::Instant;
use aftercare_sim::world::{Settings, World};
use aftercare_stream::partitioner::partition_of;

use sql::sql;
use support::{Stack, wait_until};

const PARTITIONS: i32 = 2;

/// What is expected of every PHQ-2 index after a stent.
const REGISTRY: &str = r#"
id = "registry"
version = 1
title = "Another country's registry"
procedure = "pci-des"
instrument = "phq-2"
effective_from = "2020-01-01"
from_day = 0
to_day = 365
[[points]]
day = 14
n = 900
mean = 120
sd = 25
"#;

/// Runs `aftercare document`; its exit code, what it printed, what it said.
fn document(stack: &Stack, args: &[&str]) -> (i32, String, String) {
    let out = stack.run(&[&["document"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn file(stack: &Stack, name: &str, text: &str) -> String {
    let path = stack.folder().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Writes forty days of patients that end now.
fn write_world(stack: &Stack) {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let days = 40;
    let settings = Settings {
        seed: 3,
        patients: 30,
        start: Instant(now - i64::from(days) * 86_400_000),
        days,
        wearers_permille: 0,
        home_permille: 0,
        ..Settings::default()
    };
    let writer = stack.cluster().writer().unwrap();
    for record in World::new(settings).filter(|record| record.at < now) {
        let partition = partition_of(&record.key, PARTITIONS);
        writer.write_to(record.topic, partition, Some(&record.key), Some(&record.value), &[]).unwrap();
    }
    writer.flush().unwrap();
}

/// A registry in which everybody has 100 % at the treatment and 100 % to 160 % eight weeks later.
#[test]
fn a_curve_of_a_registry_is_imported() {
    let stack = Stack::start(1, "");
    let mut csv = String::from("who,visit,index\n");
    for who in 0..61 {
        csv += &format!("s-{who},0,100\ns-{who},8,{}\n", 100 + who);
    }
    let (csv, curve) = (file(&stack, "registry.csv", &csv), file(&stack, "curve.json", ""));
    let columns = ["--subject", "who", "--time", "visit", "--value", "index"];
    let fitted = stack.run(&[&["curve", "fit", &csv, "-o", &curve], &columns[..]].concat());
    assert!(fitted.status.success(), "{}", String::from_utf8_lossy(&fitted.stderr));
    let import = |more: &[&str]| {
        let which =
            ["curve", "import", &curve, "--procedure", "hip-replacement", "--instrument", "oxford-hip"];
        let out = stack.run(&[&which, more].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    };
    let (code, text, said) = import(&["--dry-run", "--days-per-unit", "7", "--effective-from", "2026-01-31"]);
    assert_eq!(code, 0, "{said}");
    let prior = PriorDocument::parse(&text).unwrap();
    assert_eq!((&*prior.name, &*prior.procedure), ("prior:hip-replacement-oxford-hip@1", "hip-replacement"));
    let points: Vec<_> = prior.points.iter().map(|point| (point.day, point.n, point.mean)).collect();
    assert_eq!(points, [(0.0, 61, 100.0), (56.0, 61, 130.0)]);
    // 0 to 60 have a variance of (61^2 - 1) / 12 x 61 / 60
    assert!((prior.points[1].sd - (3_720.0_f64 / 12.0 * 61.0 / 60.0).sqrt()).abs() < 1e-4, "{text}");
    assert_eq!(
        prior.days,
        (0.0, 71.0),
        "a quarter of eight weeks beyond its last response, and the day itself"
    );

    let (code, _, said) = import(&[]);
    assert!(code == 1 && said.contains("its time is in visit: say --days-per-unit"), "{said}");
    for version in 1..3 {
        let (code, printed, said) = import(&["--days-per-unit", "7"]);
        assert!(
            code == 0 && printed.contains(&format!("curve hip-replacement-oxford-hip {version}:")),
            "{said}"
        );
    }
    let (code, _, said) = import(&["--days-per-unit", "7", "--id", "none", "--plan", "coronary-stent"]);
    assert!(code == 1 && said.contains("a composite needs --plan, and nothing else has one"), "{said}");
}

#[test]
fn documents_are_published_checked_and_hold_for_a_system_that_runs() {
    let stack = Stack::start(PARTITIONS, "");
    let mut serve = stack.serve("serve", &[]);
    write_world(&stack);
    let compared = "SELECT countIf(curve_edition = 'prior:registry@1'), countIf(expected IS NULL) FROM scores_current \
                    WHERE instrument = 'phq-2' AND procedure = 'pci-des' AND index IS NOT NULL \
                    AND days_since_treatment >= 0 FORMAT TSV";
    wait_until("patients have answered", Duration::from_secs(120), || {
        let counts = sql(&stack, compared);
        (counts.starts_with("0\t") && counts != "0\t0").then_some(())
    });

    let (code, list, _) = document(&stack, &["list"]);
    assert_eq!((code, list.lines().count()), (0, SHIPPED.len()), "{list}");

    let wrong =
        file(&stack, "wrong.toml", &REGISTRY.replace("day = 14", "day = 400").replace("phq-2", "phq-3"));
    let (code, printed, said) = document(&stack, &["publish", "curve", &wrong]);
    assert_eq!((code, &*printed), (1, ""), "{said}");
    assert!(said.contains("curve registry 1: points are not all within from_day and to_day"), "{said}");
    let (.., plan) =
        SHIPPED.into_iter().find(|shipped| (shipped.0, shipped.1) == (PLAN, "nhs-eq5d")).unwrap();
    let changed = file(&stack, "plan.toml", &plan.replace("= 180", "= 90"));
    let (code, _, said) = document(&stack, &["publish", "plan", &changed]);
    assert!(code == 1 && said.contains("differs from what was published before"), "{said}");

    let right = file(&stack, "registry.toml", REGISTRY);
    let next =
        file(&stack, "next.toml", &plan.replace("version = 1\n", "version = 2\n").replace("= 180", "= 90"));
    let (code, printed, said) = document(&stack, &["publish", "curve", &right]);
    assert_eq!((code, &*printed), (0, "published curve registry 1\n"), "{said}");
    assert_eq!(document(&stack, &["publish", "curve", &right]).1, "", "it is there already");
    assert_eq!(document(&stack, &["publish", "plan", &next]).1, "published plan nhs-eq5d 2\n");
    let (_, list, _) = document(&stack, &["list"]);
    assert!(list.contains("curve registry 1\n") && list.contains("plan nhs-eq5d 2\n"), "{list}");

    // Those who had answered before are judged by it as well: it is in force since 2020.
    wait_until("all are compared with the registry", Duration::from_secs(60), || {
        let counts = sql(&stack, compared);
        (!counts.starts_with("0\t") && counts.ends_with("\t0")).then_some(())
    });
    it_says_whose_patients_differ(&stack);
    let settled = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stdout));
    assert!(serve.stop(Duration::from_secs(15)).success(), "{}", serve.log_tail());
}

fn it_says_whose_patients_differ(stack: &Stack) {
    let which = ["monitor", "--procedure", "pci-des", "--instrument", "phq-2", "--from-day", "0"];
    let range = ["--from", "2020-01", "--to", "2099-12", "--patients-min", "1"];
    let out = stack.run(&[&which[..], &range].concat());
    let said = String::from_utf8(out.stdout).unwrap();
    eprintln!("{said}");
    assert!(matches!(out.status.code(), Some(0 | 4)), "{}", String::from_utf8_lossy(&out.stderr));
    let sum: u32 = said
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap())
        .sum();
    let patients = "SELECT uniqExact(patient_id) FROM scores_current WHERE instrument = 'phq-2' AND procedure = 'pci-des' \
                    AND expected IS NOT NULL AND index IS NOT NULL AND clinician_id IS NOT NULL FORMAT TSV";
    assert_eq!(sum.to_string(), sql(stack, patients), "each patient once");
}
