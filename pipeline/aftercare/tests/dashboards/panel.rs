//! A panel of a Grafana dashboard, as far as it can be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

pub(crate) struct Panel {
    pub(crate) title: String,
    kind: String,
    /// (kind, uid) of its data sources.
    pub(crate) sources: BTreeSet<(String, String)>,
    json: Value,
}

/// Where all of it is.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards")
}

/// The dashboards, by file name.
pub(crate) fn dashboards() -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder().join("grafana")).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    let found: BTreeMap<_, _> = files.map(read).collect();
    assert_eq!(found.len(), 3);
    found
}

/// How many days a dashboard shows at first.
pub(crate) fn days(dashboard: &Value) -> u64 {
    if dashboard["time"]["from"] == "now-1y" { 365 } else { 1 }
}

/// The panels of a dashboard, without the rows that only part them.
pub(crate) fn all(dashboard: &Value) -> Vec<Panel> {
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids of panels are unique");
    panels.iter().filter(|panel| panel["type"] != "row").map(Panel::new).collect()
}

impl Panel {
    fn new(json: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let targets = json["targets"].as_array().unwrap();
        let sources = targets.iter().map(|target| &target["datasource"]);
        Self {
            title: text(&json["title"]),
            kind: text(&json["type"]),
            sources: sources.map(|source| (text(&source["type"]), text(&source["uid"]))).collect(),
            json: json.clone(),
        }
    }

    pub(crate) fn sql(&self) -> Vec<&str> {
        self.of_targets("rawSql")
    }

    pub(crate) fn prometheus(&self) -> Vec<&str> {
        self.of_targets("expr")
    }

    fn of_targets(&self, key: &str) -> Vec<&str> {
        self.json["targets"].as_array().unwrap().iter().filter_map(|target| target[key].as_str()).collect()
    }

    /// Compares the columns of a reply with what the panel shows of them.
    pub(crate) fn check_columns(&self, reply: &Value) -> Result<(), String> {
        let meta = reply["meta"].as_array().unwrap();
        let names: Vec<&str> = meta.iter().map(|column| column["name"].as_str().unwrap()).collect();
        for name in self.overrides().map(|(name, _)| name) {
            if !names.contains(&name) {
                return Err(format!("it overrides {name}, which is no column"));
            }
        }
        let shown: Vec<&str> =
            names.iter().map(|name| self.property(name, "displayName").unwrap_or(name)).collect();
        let bands = names.iter().filter_map(|name| self.property(name, "custom.fillBelowTo"));
        if let Some(edge) = bands.into_iter().find(|edge| !shown.contains(edge)) {
            return Err(format!("a band goes down to {edge}, which is not shown"));
        }
        if let Some(x) = self.json["options"]["xField"].as_str().filter(|x| !names.contains(x)) {
            return Err(format!("its x axis is {x}, which is no column"));
        }
        if self.kind == "timeseries" && names[0] != "time" {
            return Err("its first column is not the time".into());
        }
        for column in meta {
            let (name, kind) = (column["name"].as_str().unwrap(), column["type"].as_str().unwrap());
            if name == "time" {
                if !kind.starts_with("DateTime") {
                    return Err(format!("time is {kind}"));
                }
                continue;
            }
            let Some((unit, kinds)) = expected(name) else {
                if kind.contains("String") {
                    continue;
                }
                return Err(format!("nothing is known of the unit of {name}, {kind}"));
            };
            let bare = kind.strip_prefix("Nullable(").unwrap_or(kind);
            if !kinds.iter().any(|known| bare.starts_with(known)) {
                return Err(format!("{name} is {kind}, not {kinds:?}"));
            }
            if self.unit(name) != unit {
                return Err(format!("{name} is shown in {:?}, it is in {unit:?}", self.unit(name)));
            }
        }
        Ok(())
    }

    fn overrides(&self) -> impl Iterator<Item = (&str, &Value)> {
        let overrides = self.json["fieldConfig"]["overrides"].as_array().unwrap();
        overrides.iter().map(|over| (over["matcher"]["options"].as_str().unwrap(), &over["properties"]))
    }

    /// What an override says of a column.
    fn property(&self, column: &str, id: &str) -> Option<&str> {
        let own = self.overrides().filter(|(name, _)| *name == column);
        let mut properties = own.flat_map(|(_, properties)| properties.as_array().unwrap());
        properties.find(|property| property["id"] == id)?["value"].as_str()
    }

    fn unit(&self, column: &str) -> &str {
        let own = self.property(column, "unit");
        own.unwrap_or_else(|| self.json["fieldConfig"]["defaults"]["unit"].as_str().unwrap())
    }
}

/// Columns of a reply that have a value in no row.
pub(crate) fn absent_in(reply: &Value) -> Vec<&str> {
    let (meta, rows) = (reply["meta"].as_array().unwrap(), reply["data"].as_array().unwrap());
    let names = meta.iter().map(|column| column["name"].as_str().unwrap());
    names.filter(|name| rows.iter().all(|row| row[*name].is_null())).collect()
}

const COUNTS: &[&str] = &[
    "patients",
    "responses",
    "uploads",
    "uploads_due",
    "uploads_done",
    "uploads_with_service",
    "sessions",
    "service_sessions",
    "superficial_sessions",
    "alerts",
    "answered_alerts",
    "escalated_alerts",
    "entries",
    "reversals",
    "records",
    "missing_records",
    "partitions",
];

/// Grafana's unit of a column, which its name tells, and the types that it may have.
fn expected(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    const WHOLE: &[&str] = &["UInt64", "Int64", "UInt32"];
    const REAL: &[&str] = &["Float64"];
    let is_quantile = name.len() == 3 && name.starts_with('q');
    Some(match name {
        "day" => ("d", &["Float64", "Int64", "Int32"]),
        "amount" => ("prefix:¥", &["Decimal"]),
        "bytes" => ("bytes", WHOLE),
        "effective_from" | "newest_insert_at" => ("dateTimeAsIso", &["DateTime64"]),
        _ if COUNTS.contains(&name) => ("short", WHOLE),
        _ if name.ends_with("_share") || name.ends_with("_rate") => ("percentunit", REAL),
        _ if is_quantile || name.ends_with("_index") || name.contains("expected") => ("percent", REAL),
        _ if name.ends_with("_deviation") => ("short", REAL),
        _ if name.ends_with("_s") => ("s", &["Float64", "Int64", "UInt64"]),
        _ => return None,
    })
}

/// A query as Grafana sends it: macros and chosen values filled in, the last `days` days being looked at.
pub(crate) fn filled(sql: &str, choice: &[(&str, &str)], days: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut filled = sql
        .replace("$__fromTime", &format!("toDateTime({})", now - days * 86_400))
        .replace("$__toTime", &format!("toDateTime({now})"));
    for (name, value) in choice {
        filled = filled.replace(&format!("${{{name}:singlequote}}"), &format!("'{value}'"));
    }
    assert!(!filled.contains('$'), "something is left to fill in: {filled}");
    filled
}
