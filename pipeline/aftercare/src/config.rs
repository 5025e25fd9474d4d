//! Configuration: a TOML file, environment over it, all problems listed at once, secrets never shown.

mod http;
mod invoice;
mod notify;

use std::fmt;
use std::path::Path;

use aftercare_kafka::Cluster;
use aftercare_runtime::config::{Limits, TaskConfig, Ticks};
use aftercare_stream::changelog::RoundPolicy;
pub(crate) use http::Http;
pub(crate) use invoice::{Invoice, Organisation};
pub(crate) use notify::Notify;
use serde::Deserialize;
use toml::{Table, Value};

/// Prefix of environment variables that set a value; `__` separates the levels.
const ENV_PREFIX: &str = "AFTERCARE__";

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) kafka: Kafka,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) task: Task,
    pub(crate) sink: Sink,
    pub(crate) http: Http,
    pub(crate) notify: Notify,
    pub(crate) billing: Billing,
    pub(crate) invoice: Invoice,
}

/// `[billing]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Billing {
    /// A month may be closed so many days after its end.
    pub(crate) grace_days: u16,
}

impl Default for Billing {
    fn default() -> Self {
        Self { grace_days: 5 }
    }
}

/// `[kafka]`
#[derive(Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Kafka {
    /// `host:port,...`
    pub(crate) bootstrap: String,
    /// Prefix of topics, groups and transactional ids.
    pub(crate) app: String,
    /// Partitions of the topics that are keyed by patient; fixed when they are created.
    pub(crate) partitions: i32,
    /// Replicas of topics that are created.
    pub(crate) replication: i32,
    /// librdkafka settings passed through to every client: SASL, TLS.
    pub(crate) settings: Table,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap: "127.0.0.1:9092".into(),
            app: "aftercare".into(),
            partitions: 4,
            replication: 1,
            settings: Table::new(),
        }
    }
}

impl fmt::Debug for Kafka {
    /// Without the values of `settings`: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka")
            .field("bootstrap", &self.bootstrap)
            .field("app", &self.app)
            .field("partitions", &self.partitions)
            .field("replication", &self.replication)
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(hidden)" })
    }
}

/// `[clickhouse]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct ClickHouse {
    /// `http://host:port` or `https://host:port`
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) database: String,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".into(),
            user: "aftercare".into(),
            password: Secret::default(),
            database: aftercare_clickhouse::DEFAULT_DATABASE.into(),
        }
    }
}

/// `[task]`; the limits are those of `aftercare_runtime::config::Limits`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Task {
    /// `wall`: the owner of a partition writes the time every second; `external`: somebody else does.
    pub(crate) ticks: String,
    /// Raised by one when outputs are to be written anew by replaying the inputs into an empty state.
    pub(crate) incarnation: u16,
    pub(crate) commit_ms_busy: i64,
    pub(crate) poll_ms: u64,
    pub(crate) future_ms_max: i64,
    pub(crate) future_wait_ms_max: i64,
    pub(crate) hold_ms_max: i64,
    pub(crate) long_windows_ms: i64,
    pub(crate) held_records_max: usize,
    pub(crate) held_bytes_max: u64,
    pub(crate) session_age_ms_max: i64,
    pub(crate) contributions_ahead_max: usize,
    /// The state is written again, so that the changelog can be cut, when the changes since exceed this.
    pub(crate) round_bytes_min: u64,
}

impl Default for Task {
    fn default() -> Self {
        let (task, limits) = (TaskConfig::new(0, 1), Limits::default());
        Self {
            ticks: "wall".into(),
            incarnation: task.incarnation,
            commit_ms_busy: task.commit_ms_busy,
            poll_ms: task.poll_ms,
            future_ms_max: limits.future_ms_max,
            future_wait_ms_max: limits.future_wait_ms_max,
            hold_ms_max: limits.hold_ms_max,
            long_windows_ms: limits.long_windows_ms,
            held_records_max: limits.held_records_max,
            held_bytes_max: limits.held_bytes_max,
            session_age_ms_max: limits.session_age_ms_max,
            contributions_ahead_max: limits.contributions_ahead_max,
            round_bytes_min: task.rounds.changes_bytes_min,
        }
    }
}

/// `[sink]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default)]
pub(crate) struct Sink {
    /// An insert waits at most this long for more rows.
    pub(crate) flush_ms: u64,
    /// Rows read but not yet in ClickHouse; at this many, reading waits.
    pub(crate) rows_max: usize,
}

impl Default for Sink {
    fn default() -> Self {
        Self { flush_ms: 250, rows_max: 200_000 }
    }
}

impl Config {
    /// Reads the file, puts the environment over it, checks everything.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Vec<String>> {
        let mut table = match file {
            None => Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| vec![format!("read {}: {error}", path.display())])?;
                toml::from_str(&text).map_err(|error| vec![format!("{}: {error}", path.display())])?
            }
        };
        for (name, value) in std::env::vars() {
            if let Some(path) = name.strip_prefix(ENV_PREFIX) {
                override_value(&mut table, &path.to_lowercase(), &value);
            }
        }
        Self::from_table(table)
    }

    fn from_table(table: Table) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut unknown = |path: serde_ignored::Path<'_>| problems.push(format!("unknown setting {path}"));
        let parsed: Result<Self, _> = serde_ignored::deserialize(Value::Table(table), &mut unknown);
        match parsed {
            Err(error) => {
                problems.push(error.to_string().trim().to_owned());
                Err(problems)
            }
            Ok(config) => {
                config.validate(&mut problems);
                if problems.is_empty() { Ok(config) } else { Err(problems) }
            }
        }
    }

    fn validate(&self, problems: &mut Vec<String>) {
        let mut demand = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let Kafka { bootstrap, app, partitions, replication, settings } = &self.kafka;
        demand(!bootstrap.is_empty(), "kafka.bootstrap is empty".into());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        demand(
            !app.is_empty() && app.chars().all(plain),
            format!("kafka.app: {app:?} is no prefix of topic names"),
        );
        demand((1..=1024).contains(partitions), format!("kafka.partitions: {partitions} is not in 1..=1024"));
        demand((1..=9).contains(replication), format!("kafka.replication: {replication} is not in 1..=9"));
        for (key, value) in settings {
            let scalar = !matches!(value, Value::Array(_) | Value::Table(_) | Value::Datetime(_));
            demand(scalar, format!("kafka.settings: {key:?} is not a text, number or truth value"));
        }
        if let Err(error) = self.store() {
            demand(false, format!("clickhouse: {error}"));
        }
        let ticks = &self.task.ticks;
        demand(
            matches!(&**ticks, "wall" | "external"),
            format!("task.ticks: {ticks:?} is not wall or external"),
        );
        demand(self.task.incarnation > 0, "task.incarnation: begins at 1".into());
        demand(self.task.commit_ms_busy > 0, "task.commit_ms_busy must be above 0".into());
        demand((1..=50_000).contains(&self.sink.flush_ms), "sink.flush_ms is not in 1..=50000".into());
        demand(self.sink.rows_max > 0, "sink.rows_max must be above 0".into());
        self.notify.validate(&mut demand);
        self.http.validate(&mut demand);
        self.invoice.validate(&mut demand);
    }

    /// The Kafka cluster.
    pub(crate) fn cluster(&self) -> Cluster {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Cluster {
            bootstrap: self.kafka.bootstrap.clone(),
            extra: self.kafka.settings.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
            app: self.kafka.app.clone(),
        }
    }

    /// Where ClickHouse is.
    pub(crate) fn store(&self) -> Result<aftercare_clickhouse::Config, aftercare_clickhouse::StoreError> {
        let ClickHouse { url, user, password, database } = &self.clickhouse;
        let config = aftercare_clickhouse::Config::new(url)?.with_database(database)?;
        Ok(if user.is_empty() { config } else { config.with_user(user.clone(), password.0.clone()) })
    }

    /// What the task of one partition is told.
    pub(crate) fn task(&self, partition: i32) -> TaskConfig {
        let task = &self.task;
        let defaults = TaskConfig::new(partition, self.kafka.partitions);
        TaskConfig {
            incarnation: task.incarnation,
            ticks: if task.ticks == "external" { Ticks::External } else { defaults.ticks },
            commit_ms_busy: task.commit_ms_busy,
            poll_ms: task.poll_ms,
            rounds: RoundPolicy { changes_bytes_min: task.round_bytes_min, ..defaults.rounds },
            limits: Limits {
                future_ms_max: task.future_ms_max,
                future_wait_ms_max: task.future_wait_ms_max,
                hold_ms_max: task.hold_ms_max,
                long_windows_ms: task.long_windows_ms,
                held_records_max: task.held_records_max,
                held_bytes_max: task.held_bytes_max,
                session_age_ms_max: task.session_age_ms_max,
                contributions_ahead_max: task.contributions_ahead_max,
                ..defaults.limits
            },
            ..defaults
        }
    }
}

/// Sets `a__b` to `value`, read as a number, truth value or list where it is one.
fn override_value(table: &mut Table, path: &str, value: &str) {
    match path.split_once("__") {
        Some((head, rest)) => {
            let inner = table.entry(head).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                // librdkafka's names have dots, which no environment variable has.
                let rest = if head == "settings" { rest.replace('_', ".") } else { rest.to_owned() };
                override_value(inner, &rest, value);
            }
        }
        None => {
            let name = path.to_owned();
            let list = || toml::from_str::<Table>(&format!("list = {value}")).ok()?.remove("list");
            let parsed = value
                .parse::<i64>()
                .map(Value::Integer)
                .or_else(|_| value.parse::<bool>().map(Value::Boolean))
                .ok()
                .or_else(|| list().filter(Value::is_array))
                .unwrap_or_else(|| Value::String(value.to_owned()));
            table.insert(name, parsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_listed_and_secrets_are_hidden() {
        let table: Table = toml::from_str(
            r#"
            typo = 1
            [kafka]
            partitions = 0
            app = "a b"
            [kafka.settings]
            "sasl.password" = "hunter2"
            [clickhouse]
            url = "ftp://x"
            password = "hunter2"
            [task]
            ticks = "never"
            "#,
        )
        .unwrap();
        let problems = Config::from_table(table).unwrap_err();
        for part in ["typo", "kafka.partitions", "kafka.app", "clickhouse", "task.ticks"] {
            assert!(problems.iter().any(|p| p.contains(part)), "{part} not in {problems:?}");
        }
        let mut config = Config::default();
        config.kafka.settings.insert("sasl.password".into(), Value::String("hunter2".into()));
        config.clickhouse.password = Secret("hunter2".into());
        assert!(!format!("{config:?} {:?}", config.cluster()).contains("hunter2"));
    }

    #[test]
    fn the_example_names_every_setting_with_its_default() {
        let text = include_str!("../../../deploy/config.example.toml");
        let example: Table = toml::from_str(text).unwrap();
        assert_eq!(Value::Table(example.clone()), Value::try_from(Config::default()).unwrap());
        assert_eq!(Config::from_table(example).unwrap(), Config::default());
        // what is commented out because it has no default is right too
        let uncommented: Vec<_> = text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
        let full = Config::from_table(toml::from_str(&uncommented.join("\n")).unwrap()).unwrap();
        assert!(full.notify.has_receivers() && full.kafka.settings.contains_key("security.protocol"));
    }

    #[test]
    fn the_compose_file_sets_what_there_is_to_set() {
        let compose = include_str!("../../../deploy/compose.yaml");
        let mut table = Table::new();
        for line in compose.lines() {
            let Some((name, value)) = line.trim().split_once(": ") else { continue };
            if let Some(path) = name.strip_prefix(ENV_PREFIX) {
                let digest = value.contains("_SHA256:?").then(|| "ab".repeat(32));
                let value = digest.unwrap_or_else(|| value.trim_matches(['\'', '"']).to_owned());
                override_value(&mut table, &path.to_lowercase(), &value);
            }
        }
        let config = Config::from_table(table).unwrap();
        assert_eq!((&*config.kafka.bootstrap, config.kafka.partitions), ("kafka:9092", 4));
        assert!(config.notify.has_receivers() && config.notify.allowed().unwrap().0.len() == 1);
        assert_eq!(config.http.tokens.len(), 2);
    }

    #[test]
    fn receivers_are_checked_and_their_secrets_are_hidden() {
        let table = |secret: &str| -> Table {
            let text = format!(
                "[notify]\nallowed_networks = [\"here\"]\nconsole_url = \"console\"\n[notify.webhooks.pager]\n\
                 url = \"ftp://x\"\nseverities = [\"bad\"]\nsecret = {secret:?}"
            );
            toml::from_str(&text).unwrap()
        };
        let problems = Config::from_table(table("hunter2")).unwrap_err();
        for part in ["allowed_networks", "console_url", "pager.url", "\"bad\"", "pager.secret"] {
            assert!(problems.iter().any(|p| p.contains(part)), "{part} not in {problems:?}");
        }
        assert!(!problems.iter().any(|p| p.contains("hunter2")));
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let mut table = Table::new();
        override_value(&mut table, "kafka__bootstrap", "broker:9092");
        override_value(&mut table, "kafka__partitions", "8");
        override_value(&mut table, "kafka__settings__security_protocol", "SASL_SSL");
        let config = Config::from_table(table).unwrap();
        assert_eq!((&*config.kafka.bootstrap, config.kafka.partitions), ("broker:9092", 8));
        assert_eq!(config.cluster().extra, [("security.protocol".to_owned(), "SASL_SSL".to_owned())]);
    }
}
