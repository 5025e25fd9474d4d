//! The rules on manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// What one crate of the house may know.
struct Rule {
    name: &'static str,
    place: &'static str,
    /// Crates of the house.
    house: &'static [&'static str],
    /// Further crates of the house, for its tests only.
    tests: &'static [&'static str],
    /// If given, the only crates from elsewhere; what these bring along must be pure too.
    pure: Option<&'static [&'static str]>,
}

const fn rule(name: &'static str, place: &'static str, house: &'static [&'static str]) -> Rule {
    Rule { name, place, house, tests: &[], pure: None }
}

/// A connector knows the bytes and the flow, neither medicine nor another connector; its tests may start the
/// real engines.
const fn connector(name: &'static str, place: &'static str) -> Rule {
    let house = &["aftercare-schemas", "aftercare-stream"];
    Rule { name, place, house, tests: &["aftercare-embedded"], pure: None }
}

const RULES: &[Rule] = &[
    Rule {
        pure: Some(&["cel", "jiff", "libm", "serde", "smallvec", "thiserror", "toml", "xxhash-rust"]),
        ..rule("aftercare-core", "pipeline/aftercare-core", &[])
    },
    Rule {
        pure: Some(&["foldhash", "thiserror", "xxhash-rust"]),
        ..rule("aftercare-stream", "pipeline/aftercare-stream", &[])
    },
    Rule {
        tests: &["aftercare-sim"],
        ..rule(
            "aftercare-runtime",
            "pipeline/aftercare-runtime",
            &["aftercare-core", "aftercare-schemas", "aftercare-stream"],
        )
    },
    rule(
        "aftercare-sim",
        "pipeline/aftercare-sim",
        &["aftercare-core", "aftercare-schemas", "aftercare-stream"],
    ),
    rule("aftercare-schemas", "schemas", &[]),
    connector("aftercare-kafka", "connectors/kafka"),
    connector("aftercare-clickhouse", "connectors/clickhouse"),
    connector("aftercare-gateway", "connectors/gateway"),
    rule("aftercare-export", "connectors/export", &[]),
    rule("aftercare-notify", "connectors/notify", &[]),
    rule("aftercare-embedded", "connectors/embedded", &[]),
    rule(
        "aftercare",
        "pipeline/aftercare",
        &[
            "aftercare-clickhouse",
            "aftercare-core",
            "aftercare-embedded",
            "aftercare-export",
            "aftercare-gateway",
            "aftercare-kafka",
            "aftercare-notify",
            "aftercare-runtime",
            "aftercare-schemas",
            "aftercare-sim",
            "aftercare-stream",
        ],
    ),
];

/// Crates from elsewhere that only some of the house may name.
const RESERVED: &[(&str, &[&str])] = &[
    ("anyhow", &["aftercare"]),
    ("apache-avro", &["aftercare-schemas"]),
    ("axum", &["aftercare-gateway"]),
    ("clap", &["aftercare"]),
    // in schemas: rows know how to be written
    ("clickhouse", &["aftercare-clickhouse", "aftercare-schemas"]),
    ("hyper", &["aftercare-notify"]),
    ("libloading", &["aftercare-embedded"]),
    ("openssl", &["aftercare-notify"]),
    ("prometheus", &["aftercare-gateway"]),
    ("rdkafka", &["aftercare-kafka"]),
    ("rdkafka-sys", &["aftercare-kafka"]),
    ("tokio", &["aftercare", "aftercare-clickhouse", "aftercare-gateway", "aftercare-notify"]),
    ("tracing-subscriber", &["aftercare"]),
];

/// Never brought along by what a pure crate depends on.
const IMPURE: &[&str] =
    &["clickhouse", "getrandom", "hyper", "mio", "rand", "rdkafka", "socket2", "tokio", "tracing"];

/// The manifests as far as the rules need them.
pub(crate) struct Workspace {
    members: Vec<Member>,
    /// From the lock file: what each package from elsewhere depends on, whatever its version.
    locked: BTreeMap<String, BTreeSet<String>>,
}

struct Member {
    place: String,
    name: String,
    dependencies: BTreeSet<String>,
    for_tests: BTreeSet<String>,
}

impl Workspace {
    pub(crate) fn read(root: &Path) -> Self {
        let read =
            |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let manifest = read(&root.join("Cargo.toml"));
        let workspace: Table = manifest.parse().unwrap();
        let places = workspace["workspace"]["members"].as_array().unwrap().iter();
        let places: Vec<_> = places.map(|place| place.as_str().unwrap().to_owned()).collect();
        let texts: Vec<_> = places.iter().map(|place| read(&root.join(place).join("Cargo.toml"))).collect();
        let members: Vec<_> =
            places.iter().zip(&texts).map(|(place, text)| (place.as_str(), text.as_str())).collect();
        Self::parse(&manifest, &members, &read(&root.join("Cargo.lock")))
    }

    fn parse(workspace: &str, members: &[(&str, &str)], lock: &str) -> Self {
        let workspace: Table = workspace.parse().unwrap();
        let shared = workspace["workspace"].get("dependencies").and_then(Value::as_table);
        let empty = Table::new();
        let members =
            members.iter().map(|(place, text)| Member::parse(place, text, shared.unwrap_or(&empty)));
        let lock: Table = lock.parse().unwrap();
        let mut locked = BTreeMap::<String, BTreeSet<String>>::new();
        for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
            let known = locked.entry(package["name"].as_str().unwrap().to_owned()).or_default();
            for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
                // "name", or "name version" where there are several
                known.extend(dependency.as_str().unwrap().split(' ').next().map(str::to_owned));
            }
        }
        Self { members: members.collect(), locked }
    }

    /// How `from` leads to one of the impure packages.
    fn way_to_impure(&self, from: &str) -> Option<String> {
        let (mut seen, mut ways) = (BTreeSet::new(), vec![vec![from.to_owned()]]);
        while let Some(way) = ways.pop() {
            let last = way.last().unwrap().clone();
            if IMPURE.contains(&last.as_str()) {
                return Some(way.join(" -> "));
            }
            if seen.insert(last.clone()) {
                let next = self.locked.get(&last).into_iter().flatten();
                ways.extend(next.map(|next| [way.as_slice(), std::slice::from_ref(next)].concat()));
            }
        }
        None
    }
}

impl Member {
    fn parse(place: &str, text: &str, shared: &Table) -> Self {
        let manifest: Table = text.parse().unwrap();
        let mut member = Self {
            place: place.to_owned(),
            name: manifest["package"]["name"].as_str().unwrap().to_owned(),
            dependencies: BTreeSet::new(),
            for_tests: BTreeSet::new(),
        };
        let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
        let targets = targets.filter_map(|(_, target)| target.as_table());
        for table in std::iter::once(&manifest).chain(targets) {
            for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
                let for_tests = section == "dev-dependencies";
                let into = if for_tests { &mut member.for_tests } else { &mut member.dependencies };
                let named = table.get(section).and_then(Value::as_table).into_iter().flatten();
                into.extend(named.map(|(name, how)| package(name, how, shared)));
            }
        }
        member
    }
}

/// A dependency's real name, which an alias could hide, here or in the workspace's own list.
fn package(name: &str, how: &Value, shared: &Table) -> String {
    let renamed = |how: &Value| how.get("package").and_then(Value::as_str).map(str::to_owned);
    renamed(how).or_else(|| shared.get(name).and_then(renamed)).unwrap_or_else(|| name.to_owned())
}

/// Every breach of the rules, in words.
pub(crate) fn breaches(workspace: &Workspace) -> Vec<String> {
    let is_ours = |name: &str| workspace.members.iter().any(|member| member.name == name);
    let mut found = Vec::new();
    for member in &workspace.members {
        let Some(rule) = RULES.iter().find(|rule| rule.name == member.name && rule.place == member.place)
        else {
            found.push(format!("{} in {}: no rule says what it may know", member.name, member.place));
            continue;
        };
        for name in member.dependencies.iter().map(String::as_str) {
            let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == name);
            let allowed = match (is_ours(name), rule.pure) {
                (true, _) => rule.house.contains(&name),
                (false, Some(pure)) => pure.contains(&name),
                (false, None) => reserved.is_none_or(|(_, who)| who.contains(&rule.name)),
            };
            if !allowed {
                found.push(format!("{} may not know {name}", rule.name));
            } else if let Some(way) = rule.pure.and_then(|_| workspace.way_to_impure(name)) {
                found.push(format!("{} is not pure: {way}", rule.name));
            }
        }
        for name in member.for_tests.iter().map(String::as_str).filter(|name| is_ours(name)) {
            if !rule.house.contains(&name) && !rule.tests.contains(&name) {
                found.push(format!("{} may not know {name}, not even in tests", rule.name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(place: &str, manifest: &str) -> Vec<String> {
        let core = ("pipeline/aftercare-core", "[package]\nname = 'aftercare-core'");
        let embedded = ("connectors/embedded", "[package]\nname = 'aftercare-embedded'");
        let workspace = "[workspace]\ndependencies.quiet = { package = 'rdkafka', version = '1' }";
        let lock = "[[package]]\nname = 'jiff'\ndependencies = ['a 1.0.0']\n
                    [[package]]\nname = 'a'\ndependencies = ['b']\n[[package]]\nname = 'b'\ndependencies = ['tokio']";
        let mut members = vec![core, embedded, (place, manifest)];
        members.retain(|member| member.0 != place || member.1 == manifest);
        breaches(&Workspace::parse(workspace, &members, lock))
    }

    #[test]
    fn what_is_allowed_is_no_breach() {
        let sound = [
            ("pipeline/aftercare-core", "[package]\nname = 'aftercare-core'\n[dependencies]\nlibm = '1'"),
            (
                "pipeline/aftercare-core",
                "[package]\nname = 'aftercare-core'\n[dev-dependencies]\nproptest = '1'",
            ),
            (
                "connectors/kafka",
                "[package]\nname = 'aftercare-kafka'\n[dependencies]\nquiet.workspace = true",
            ),
            (
                "connectors/kafka",
                "[package]\nname = 'aftercare-kafka'\n[dev-dependencies]\naftercare-embedded = {}",
            ),
        ];
        for (place, manifest) in sound {
            assert_eq!(found(place, manifest), [""; 0], "{manifest}");
        }
    }

    #[test]
    fn planted_breaches_are_found() {
        let core = "[package]\nname = 'aftercare-core'\n";
        let stream = "[package]\nname = 'aftercare-stream'\n";
        let kafka = "[package]\nname = 'aftercare-kafka'\n";
        let runtime = "[package]\nname = 'aftercare-runtime'\n";
        let planted = [
            (
                "pipeline/aftercare-core",
                core,
                "dependencies.tokio = '1'",
                "aftercare-core may not know tokio",
            ),
            (
                "pipeline/aftercare-core",
                core,
                "dependencies.jiff = '1'",
                "aftercare-core is not pure: jiff -> a -> b -> tokio",
            ),
            (
                "pipeline/aftercare-stream",
                stream,
                "dependencies.aftercare-core = {}",
                "aftercare-stream may not know aftercare-core",
            ),
            (
                "pipeline/aftercare-stream",
                stream,
                "target.'cfg(unix)'.dependencies.libc = '1'",
                "aftercare-stream may not know libc",
            ),
            (
                "pipeline/aftercare-runtime",
                runtime,
                "dependencies.innocent = { package = 'clickhouse' }",
                "aftercare-runtime may not know clickhouse",
            ),
            (
                "pipeline/aftercare-runtime",
                runtime,
                "dependencies.quiet.workspace = true",
                "aftercare-runtime may not know rdkafka",
            ),
            (
                "connectors/kafka",
                kafka,
                "build-dependencies.aftercare-embedded = {}",
                "aftercare-kafka may not know aftercare-embedded",
            ),
            (
                "connectors/kafka",
                kafka,
                "dev-dependencies.aftercare-core = {}",
                "aftercare-kafka may not know aftercare-core, not even in tests",
            ),
            ("connectors/new", kafka, "", "aftercare-kafka in connectors/new: no rule says what it may know"),
        ];
        for (place, head, line, expected) in planted {
            // dotted keys after a table header would belong to it
            assert_eq!(found(place, &format!("{line}\n{head}")), [expected], "{line}");
        }
    }
}
