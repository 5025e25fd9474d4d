//! A month of a large ledger: how long the commands of a clerk take, and how much memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aftercare_clickhouse::{OutputTable, Store};
use aftercare_core::month::Month;
use aftercare_core::zone::Zone;
use aftercare_schemas::{codec, wire};
use aftercare_stream::partitioner::partition_of;
use anyhow::{Context, ensure};

use super::Args;
use crate::commands::migrate;
use crate::commands::serve::{Role, Service};
use crate::config::Config;
use crate::wiring::engines::Running;
use crate::wiring::{print, say, wall_clock};

/// Rows of one insert.
const ROWS: u64 = 50_000;
/// Uploads of a patient in a month.
const UPLOADS_EACH: u64 = 2;
/// So many manufacturers and clinicians share them.
const MANUFACTURERS: u64 = 10;
const CLINICIANS: u64 = 2_000;
const CONTRACT: &str = "warranty-example";
/// Between two looks at how much memory a command has.
const LOOK: Duration = Duration::from_millis(5);

/// Seeds a month of `args.uploads` uploads, each with two lines of a fee, a claim and a variance, and times the commands.
pub(super) fn measure(
    config: &Config,
    args: &Args,
    running: &Running,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut config = config.clone();
    // The tasks go on above the versions of what is seeded.
    config.task.incarnation = 2;
    let report = migrate::migrate(&config, true)?;
    ensure!(report.differences.is_empty(), "{}", report.differences.join("; "));
    let zone = Zone::named("Asia/Shanghai").context("the time zone is known")?;
    let today = zone.day(aftercare_core::time::Instant(wall_clock()));
    let month = Month::of_day(today).before(1);
    say(format_args!("writing {} uploads of {month} to ClickHouse", args.uploads));
    seed(&config, args.uploads, month, &zone)?;
    let stop_service = Arc::new(AtomicBool::new(false));
    let service = Service::start(&config, &[Role::Task, Role::Sink], &stop_service)?;
    let folder = tempfile::Builder::new().prefix("aftercare-bench-").tempdir()?;
    let measured = time_all(&config, args.uploads, month, folder.path(), running, stop);
    stop_service.store(true, Relaxed);
    let joined = service.join();
    measured.and(joined)
}

fn time_all(
    config: &Config,
    uploads: u64,
    month: Month,
    folder: &Path,
    running: &Running,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let month = month.to_string();
    let file = folder.join("aftercare.toml");
    std::fs::write(&file, settings(config)).context("write a configuration")?;
    print(format_args!("{uploads} uploads of {month} with {} ledger entries\n", 4 * uploads));
    print(format_args!("| command | s | peak MiB |\n| --- | --- | --- |"));
    let (mut seconds, mut peak) = (0.0, 0);
    let (invoices, journal) = (folder.join("invoices"), folder.join("journal"));
    let [invoices, journal] = [&invoices, &journal].map(|path| path.to_string_lossy());
    let commands: [&[&str]; 5] = [
        &["run"],
        &["reconcile"],
        &["close", "--grace", "0"],
        &["export", "--document", "invoice", "--format", "csv", "--out", &invoices],
        &["export", "--document", "journal", "--format", "csv", "--out", &journal],
    ];
    for command in commands {
        ensure!(!stop.load(Relaxed), "stopped");
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("--config").arg(&file).arg("bill").args(command).args(["--month", &month]);
        let timed = time(child)?;
        let shown = command.iter().take_while(|word| **word != "--out").copied();
        print(format_args!(
            "| bill {} | {:.1} | {} |",
            shown.collect::<Vec<_>>().join(" "),
            timed.seconds,
            timed.peak_kib / 1024
        ));
        seconds += timed.seconds;
        peak = timed.peak_kib.max(peak);
    }
    print(format_args!("| all | {seconds:.1} | {} |", peak / 1024));
    if let Some(server) = running.clickhouse() {
        let peak = peak_kib(server.pid()).unwrap_or_default() / 1024;
        print(format_args!(
            "\nClickHouse's own memory, the writing of the month included: {peak} MiB at most"
        ));
    }
    Ok(())
}

/// What a command needs to find the engines.
fn settings(config: &Config) -> String {
    let (kafka, clickhouse) = (&config.kafka, &config.clickhouse);
    format!(
        "[kafka]\nbootstrap = {:?}\napp = {:?}\npartitions = {}\n[clickhouse]\nurl = {:?}\nuser = {:?}\npassword = {:?}\n\
         database = {:?}\n",
        kafka.bootstrap,
        kafka.app,
        kafka.partitions,
        clickhouse.url,
        clickhouse.user,
        clickhouse.password.0,
        clickhouse.database
    )
}

/// What a command took.
struct Timed {
    seconds: f64,
    /// Resident at most, KiB.
    peak_kib: u64,
}

fn time(mut command: Command) -> anyhow::Result<Timed> {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("start a command")?;
    let mut peak = 0;
    let status = loop {
        peak = peak_kib(child.id()).unwrap_or_default().max(peak);
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(Timed { seconds: began.elapsed().as_secs_f64(), peak_kib: peak })
}

/// What a process had resident at most so far, KiB, as the kernel tells it.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// What is written to one output table, numbered by partition as tasks do.
struct Table<'a> {
    output: OutputTable,
    store: &'a Store,
    runtime: &'a tokio::runtime::Runtime,
    /// By partition: the last sequence, and records that wait.
    partitions: BTreeMap<i32, (u64, Vec<Vec<u8>>)>,
}

impl<'a> Table<'a> {
    fn new(output: OutputTable, store: &'a Store, runtime: &'a tokio::runtime::Runtime) -> Self {
        Self { output, store, runtime, partitions: BTreeMap::new() }
    }

    /// Adds a record, which is told its version.
    fn add<R: serde::Serialize>(&mut self, partition: i32, record: impl Fn(u64) -> R) -> anyhow::Result<()> {
        let (sequence, waiting) = self.partitions.entry(partition).or_default();
        *sequence += 1;
        let mut value = Vec::new();
        codec::encode(self.output.topic(), &record((1 << 48) | *sequence), &mut value)?;
        waiting.push(value);
        if waiting.len() as u64 >= ROWS { self.insert(partition) } else { Ok(()) }
    }

    fn insert(&mut self, partition: i32) -> anyhow::Result<()> {
        let Some((_, waiting)) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let records: Vec<&[u8]> = waiting.iter().map(Vec::as_slice).collect();
        self.runtime.block_on(async {
            let inserted = self.store.insert(self.output, &records).await?;
            self.store.insert_coverage(&inserted.coverage(partition, wall_clock())).await
        })?;
        waiting.clear();
        Ok(())
    }

    /// Inserts what waits, and writes the last record of each partition to its topic, where its task would have.
    fn finish(mut self, config: &Config) -> anyhow::Result<()> {
        let writer = config.cluster().writer()?;
        for partition in self.partitions.keys().copied().collect::<Vec<_>>() {
            let last = self.partitions.get(&partition).and_then(|(_, waiting)| waiting.last().cloned());
            self.insert(partition)?;
            writer.write_to(self.output.topic(), partition, None, last.as_deref(), &[])?;
        }
        writer.flush()?;
        Ok(())
    }
}

fn seed(config: &Config, uploads: u64, month: Month, zone: &Zone) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = Store::connect(config.store()?);
    let [mut ledger, mut receipts, mut scores] =
        [OutputTable::Ledger, OutputTable::Receipts, OutputTable::Scores]
            .map(|output| Table::new(output, &store, &runtime));
    let from = zone.start_of(month.first_day()).0;
    let month = month.to_string();
    for number in 0..uploads {
        let upload = Upload::new(number, from);
        let partition = partition_of(upload.patient.as_bytes(), config.kafka.partitions);
        receipts.add(partition, |version| upload.receipt(version))?;
        scores.add(partition, |version| upload.score(version))?;
        for entry in 0..Upload::ENTRIES {
            let ids = upload.ids(entry);
            ledger.add(partition, |version| upload.entry(version, entry, &ids, &month))?;
        }
    }
    [ledger, receipts, scores].into_iter().try_for_each(|table| table.finish(config))
}

/// One reviewed upload.
struct Upload {
    id: String,
    patient: String,
    session: String,
    clinician: String,
    manufacturer: String,
    slot: u64,
    at: i64,
}

impl Upload {
    const ENTRIES: usize = 4;

    fn new(number: u64, from: i64) -> Self {
        let patient = number / UPLOADS_EACH;
        let minutes = i64::try_from(number % 40_000).unwrap_or(0);
        Self {
            id: format!("u-{number:09}"),
            patient: format!("p-{patient:08}"),
            session: format!("se-{number:09}"),
            clinician: format!("c-{:04}", patient % CLINICIANS),
            manufacturer: format!("m-{:02}", patient % MANUFACTURERS),
            slot: number % UPLOADS_EACH + 1,
            at: from + minutes * 60_000,
        }
    }

    fn receipt(&self, version: u64) -> wire::Receipt<'_> {
        wire::Receipt {
            version,
            topic: "prom-responses",
            id: &self.id,
            revision: 1,
            patient_id: &self.patient,
            outcome: "accepted",
            reason: None,
            copies: 1,
            duplicates: 0,
            conflicts: 0,
            stored_at: self.at,
            organisation: Some("org-east"),
            care_team: Some("team-2"),
            clinician_id: Some(&self.clinician),
            manufacturer: Some(&self.manufacturer),
            procedure: Some("coronary-stent"),
            source: "live",
        }
    }

    fn score(&self, version: u64) -> wire::Score<'_> {
        wire::Score {
            version,
            score_id: &self.id,
            episode_id: &self.patient,
            patient_id: &self.patient,
            upload_id: &self.id,
            upload_revision: 1,
            instrument: "composite",
            instrument_version: 1,
            value_set: "",
            status: "scored",
            reason: None,
            answered_at: self.at,
            uploaded_at: self.at,
            stored_at: self.at,
            days_since_treatment: Some(30.0),
            respondent: "patient",
            score: None,
            scales: Vec::new(),
            baseline: None,
            baseline_upload_id: None,
            index: Some(140.0),
            index_rule: Some("percent"),
            change_mcid: None,
            ewma: None,
            mean_28d: None,
            slope_56d: None,
            uploads_done: 1,
            uploads_due: 1,
            expected: Some(120.0),
            curve_edition: None,
            organisation: Some("org-east"),
            care_team: Some("team-2"),
            clinician_id: Some(&self.clinician),
            manufacturer: Some(&self.manufacturer),
            procedure: Some("coronary-stent"),
            source: "live",
            expected_sd: None,
            expected_n: Some(212),
            cohort: None,
            forecast: None,
            forecast_sd: None,
            level: None,
            change_errors: None,
            trend_errors: None,
        }
    }

    /// Component id and entry id of one of its entries.
    fn ids(&self, entry: usize) -> [String; 2] {
        let (component, payer) = match entry {
            0 => ("fee", "patient"),
            1 => ("fee", &*self.manufacturer),
            2 => ("claim", &*self.manufacturer),
            _ => ("variance", &*self.manufacturer),
        };
        let component_id = format!("{CONTRACT}/{}/slot-{:02}/{component}", self.patient, self.slot);
        let entry_id = format!("{component_id}/{payer}/0");
        [component_id, entry_id]
    }

    /// 16.00 and 64.00 of a fee of 80.00; of the claim 44.80 were set aside.
    fn entry<'a>(
        &'a self,
        version: u64,
        entry: usize,
        [component_id, entry_id]: &'a [String; 2],
        month: &'a str,
    ) -> wire::LedgerEntry<'a> {
        let is_line = entry < 2;
        let (component, amount_minor, accounts) = match entry {
            0 => ("fee", 1_600, None),
            1 => ("fee", 6_400, None),
            2 => ("claim", 4_480, Some(("warranty-provision", "warranty-payable"))),
            _ => ("variance", 1_920, Some(("warranty-expense", "warranty-payable"))),
        };
        let payer = if entry == 0 { "patient" } else { &self.manufacturer };
        wire::LedgerEntry {
            version,
            entry_id,
            kind: if is_line { wire::LedgerKind::Line } else { wire::LedgerKind::Posting },
            closing_id: None,
            contract: Some(CONTRACT),
            contract_version: Some(1),
            clause: Some(if is_line { "fee" } else { "accrual" }),
            component: Some(component),
            component_id: Some(component_id),
            case_id: Some(&self.patient),
            patient_id: Some(&self.patient),
            episode_id: Some(&self.patient),
            payer: Some(payer),
            payer_role: is_line.then_some(if entry == 0 { "patient" } else { "manufacturer" }),
            payee: is_line.then_some(&*self.clinician),
            payee_role: is_line.then_some("clinician"),
            debit_account: accounts.map(|(debit, _)| debit),
            credit_account: accounts.map(|(_, credit)| credit),
            amount_minor,
            currency: "CNY",
            triggered_at: Some(self.at),
            service_period: Some(month),
            booking_period: Some(month),
            reason: None,
            reverses: None,
            evidence: if is_line { self.evidence() } else { self.of_slot() },
            said: if is_line { SAID.to_vec() } else { Vec::new() },
            stored_at: self.at,
            organisation: Some("org-east"),
            care_team: Some("team-2"),
            clinician_id: Some(&self.clinician),
            manufacturer: Some(&self.manufacturer),
            procedure: Some("coronary-stent"),
            source: "live",
        }
    }

    /// As much as a line of the warranty has.
    fn evidence(&self) -> Vec<wire::LedgerEvidence<'_>> {
        let of = |record: Option<&'static str>| match record {
            Some("upload") => Some(&*self.id),
            Some(_) => Some(&*self.session),
            None => None,
        };
        let evidence = EVIDENCE.iter().map(|&(name, value, unit, record)| wire::LedgerEvidence {
            name,
            value,
            unit,
            record_id: of(record),
            record_revision: record.map(|_| 1),
        });
        evidence.collect()
    }

    fn of_slot(&self) -> Vec<wire::LedgerEvidence<'_>> {
        let evidence = EVIDENCE.iter().take(7).map(|&(name, value, unit, _)| wire::LedgerEvidence {
            name,
            value,
            unit,
            record_id: None,
            record_revision: None,
        });
        evidence.collect()
    }
}

const SAID: [&str; 4] = [
    "Treated on 2026-01-05; device stent-a of its maker, known since 2026-01-05.",
    "Slot 2: 2026-01-26 to 2026-02-08.",
    "Expected 120 % (n 212 in the narrowest cohort; edition pci-des@2025-12): 140 / 120 = 1.166667, within: factor 1.",
    "Review within 7 days of the upload: 45.5 s (at least 30), 3 sections (at least 2), 5 interactions (at least 3).",
];

const UPLOAD: Option<&str> = Some("upload");
const SESSION: Option<&str> = Some("session");

/// Name, value, unit, and which record says so.
const EVIDENCE: &[(&str, &str, &str, Option<&str>)] = &[
    ("treated_on", "2026-01-05", "", None),
    ("device", "stent-a", "", None),
    ("device_known_on", "2026-01-05", "", None),
    ("slot", "2", "", None),
    ("slot_from", "2026-01-26", "", None),
    ("slot_to", "2026-02-08", "", None),
    ("total", "80.00", "", None),
    ("answered_on", "2026-02-01", "", UPLOAD),
    ("uploaded_on", "2026-02-01", "", UPLOAD),
    ("index", "140", "%", UPLOAD),
    ("expected", "120", "%", None),
    ("n", "212", "", None),
    ("edition", "pci-des@2025-12", "", None),
    ("ratio", "1.166667", "1", None),
    ("step", "within", "", None),
    ("factor", "1", "1", None),
    ("verdict", "service", "", SESSION),
    ("reviewed_on", "2026-02-02", "", None),
    ("duration", "45.5", "s", None),
    ("sections", "3", "", None),
    ("interactions", "5", "", None),
    ("burst_patients", "1", "", None),
    ("review_rule", "default@1", "", None),
    ("share", "0.8", "1", None),
];
