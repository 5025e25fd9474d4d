//! Every panel of every dashboard, asked of a real ClickHouse as the analyst: it gives rows, its columns have the types
//! and units that the panel shows, and no group of fewer than 10 patients is in it. Prometheus's panels name metrics that
//! exist, in expressions that `promtool` can read. The time that each panel took is printed; under a second is the aim.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/metrics.rs"]
mod metrics;
#[path = "dashboards/panel.rs"]
mod panel;
#[path = "dashboards/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use aftercare_core::monitor::{Place, funnel_limits, funnel_place};
use metrics::{metrics_in, unknown_in};
use panel::Panel;
use server::Server;

/// What a person may have chosen in the dashboards' menus.
const CHOICES: [[(&str, &str); 6]; 2] = [
    [
        ("procedure", "pci-des"),
        ("instrument", "composite"),
        ("by", "clinician"),
        ("group", "c-1"),
        ("contract", "warranty-example"),
        ("plan", "coronary-stent"),
    ],
    [
        ("procedure", "pci-des"),
        ("instrument", "composite"),
        ("by", "all"),
        ("group", ""),
        ("contract", "warranty-example"),
        ("plan", "coronary-stent"),
    ],
];
/// Seven patients each.
const HIDDEN: [&str; 2] = ["c-few", "m-few"];

#[test]
fn every_panel_shows_what_it_says_to_who_may_see_it() {
    let server = Server::start(include_str!("dashboards/world.sql"));
    for (file, dashboard) in panel::dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for variable in variables.iter().filter(|variable| variable["type"] == "query") {
            let name = variable["name"].as_str().unwrap();
            let reply = server.analyst(&panel::filled(variable["query"].as_str().unwrap(), &CHOICES[0], 365));
            let offered = reply.to_string();
            assert!(
                offered.contains(CHOICES[0].iter().find(|(known, _)| *known == name).unwrap().1),
                "{name}"
            );
            assert!(!HIDDEN.iter().any(|group| offered.contains(group)), "{file}: {name} offers {offered}");
        }
        for panel in panel::all(&dashboard) {
            for target in panel.sql() {
                // Only this one offers all of them together.
                let choices = if file == "outcomes.json" { &CHOICES[..] } else { &CHOICES[..1] };
                for choice in choices {
                    check(&server, &file, &panel, &panel::filled(target, choice, panel::days(&dashboard)));
                }
            }
        }
    }
}

fn check(server: &Server, file: &str, panel: &Panel, sql: &str) {
    let reply = server.analyst(sql);
    let ms = reply["statistics"]["elapsed"].as_f64().unwrap() * 1000.0;
    eprintln!("{file:24} {:44} {ms:7.1} ms {:5} rows", panel.title, reply["rows"]);
    let place = format!("{file}: {}: {reply}", panel.title);
    assert!(reply["rows"].as_u64() > Some(0), "{place}");
    let shown = reply["data"].to_string();
    assert!(!HIDDEN.iter().any(|group| shown.contains(group)), "{place}");
    panel.check_columns(&reply).unwrap_or_else(|problem| panic!("{problem}: {place}"));
    assert_eq!(panel::absent_in(&reply), [""; 0], "{place}");
}

#[test]
fn the_limits_of_the_funnel_are_those_of_the_rule() {
    let server = Server::start(include_str!("dashboards/world.sql"));
    let sql = "SELECT toUInt32(patients) AS n, * EXCEPT patients FROM analyst_funnel(from = $__fromTime, to = $__toTime)";
    let reply = server.analyst(&panel::filled(sql, &[], 365));
    let rows = reply["data"].as_array().unwrap();
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap();
        let n = u32::try_from(row["n"].as_u64().unwrap()).unwrap();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of patients"
        )]
        let events = (number("below_share") * f64::from(n)).round() as u32;
        let place = funnel_place(number("target_share"), n, events, 0.025).unwrap();
        assert_eq!(row["place"] == "within", place == Place::Within, "{row}");
        for (tail, low, high) in
            [(0.025, "low_95_share", "high_95_share"), (0.001, "low_998_share", "high_998_share")]
        {
            let limits = funnel_limits(number("target_share"), n, tail).unwrap();
            assert!((limits.lower - number(low)).abs() < 1e-9, "{limits:?} {row}");
            assert!((limits.upper - number(high)).abs() < 1e-9, "{limits:?} {row}");
        }
    }
    let groups: BTreeSet<_> = rows.iter().map(|row| row["group"].as_str().unwrap()).collect();
    assert_eq!(groups, BTreeSet::from(["", "c-1", "c-2", "m-alpha", "org-1", "team-1"]));
}

#[test]
fn the_analyst_sees_views_for_analysts_and_nothing_else() {
    let server = Server::start("");
    for table in ["scores", "scores_current", "ledger", "alerts_current", "coverage", "schema_migrations"] {
        let refused = server.ask_analyst(&format!("SELECT * FROM {table} LIMIT 1")).unwrap_err();
        assert!(refused.contains("ACCESS_DENIED"), "{table}: {refused}");
    }
}

#[test]
fn what_is_shown_counted_or_to_be_done_is_in_no_sum_of_money() {
    let server = Server::start(include_str!("dashboards/world.sql"));
    // in the world each of the 720 uploads has such entries of 10,000.00, and of money less than 100.00
    let sums = [
        "SELECT sum(amount) AS amount FROM analyst_money WHERE kind = 'line' AND by = 'all'",
        "SELECT sum(amount) AS amount FROM analyst_money WHERE by = 'payer'",
        "SELECT sum(amount) AS amount FROM analyst_accounts WHERE account = 'warranty-expense'",
    ];
    for sql in sums {
        let reply = server.analyst(sql);
        let amount: f64 = reply["data"][0]["amount"].to_string().trim_matches('"').parse().unwrap();
        assert!(amount > 0.0 && amount < 72_000.0, "{sql}: {reply}");
    }
    let kinds = server.analyst("SELECT DISTINCT kind FROM analyst_money ORDER BY kind");
    assert_eq!(kinds["data"], serde_json::json!([{"kind": "held"}, {"kind": "line"}]));
}

#[test]
fn prometheus_panels_name_metrics_that_exist() {
    let mut rules = String::from("groups:\n  - name: panels\n    rules:\n");
    let mut seen = BTreeSet::new();
    for (file, dashboard) in panel::dashboards() {
        for panel in panel::all(&dashboard) {
            for expression in panel.prometheus() {
                let expression = expression.replace("$__rate_interval", "5m");
                assert_eq!(unknown_in(&expression), [""; 0], "{file}: {}", panel.title);
                seen.extend(metrics_in(&expression));
                rules += &format!(
                    "      - record: panel\n        labels: {{n: \"{}\"}}\n        expr: {expression:?}\n",
                    seen.len() + rules.len()
                );
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yml");
    fs::write(&path, rules).unwrap();
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&path).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn dashboards_take_their_data_from_what_is_provisioned() {
    let sources =
        fs::read_to_string(panel::folder().join("provisioning/datasources/aftercare.yaml")).unwrap();
    let provider =
        fs::read_to_string(panel::folder().join("provisioning/dashboards/aftercare.yaml")).unwrap();
    assert!(provider.contains("path: /etc/aftercare/dashboards"));
    let (mut ids, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for (file, dashboard) in panel::dashboards() {
        assert!(ids.insert(dashboard["uid"].to_string()), "{file}: its uid is taken");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for variable in variables.iter().filter(|variable| variable["type"] == "datasource") {
            kinds.insert(variable["query"].as_str().unwrap().to_owned());
        }
        for panel in panel::all(&dashboard) {
            for (kind, uid) in &panel.sources {
                assert!(sources.contains(&format!("type: {kind}\n")), "{file}: {}: {kind}", panel.title);
                assert!(
                    variables
                        .iter()
                        .any(|variable| format!("${{{}}}", variable["name"].as_str().unwrap()) == *uid)
                );
            }
        }
    }
    assert_eq!(kinds, BTreeSet::from(["grafana-clickhouse-datasource".to_owned(), "prometheus".to_owned()]));
}
