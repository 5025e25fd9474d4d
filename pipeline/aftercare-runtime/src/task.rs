//! One patient task: takes over its partition, restores its state, and then, batch by batch, takes records and
//! commits what came of them together with the positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use aftercare_core::contract::Entry;
use aftercare_core::curve::Curves;
use aftercare_core::documents::{CURVE, Library, PriorDocument};
use aftercare_core::patient::Changes;
use aftercare_core::time::Instant;
use aftercare_core::zone::Zones;
use aftercare_schemas::codec;
use aftercare_schemas::wire;
use aftercare_stream::changelog::{Restore, Rounds, Transaction};
use aftercare_stream::log::{Batch, LogError, Outgoing, RecordRef, TaskLog};
use aftercare_stream::position::{Positions, ResumeAt};

use crate::backlog::Backlog;
use crate::config::{TaskConfig, Ticks};
use crate::curves::{COUNTING_TASK, Published, learn_document, learn_edition};
use crate::error::TaskError;
use crate::input::Input;
use crate::output::Pen;
use crate::state::{TaskState, WARM_WEARERS, encode_value, key};
use crate::stats::{Counted, TaskStats};
use crate::topics::{
    self, CONTRACTS, CONTROL, CURVE_CONTRIBUTIONS, CURVE_EDITIONS, Role, TASK_STATE, WEARABLE_READINGS,
};

/// The wall clock, handed in: ms since 1970 UTC. Ticks and latencies come from it; no rule reads it.
pub type Clock = fn() -> i64;

/// How a task ended that was not asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was asked to stop; everything it took is committed.
    Stopped,
    /// Another owner took over.
    Fenced,
}

/// A task on its log.
pub struct Task<L: TaskLog> {
    pub(crate) log: L,
    pub(crate) config: TaskConfig,
    pub(crate) state: TaskState,
    pub(crate) tx: Transaction,
    pub(crate) pen: Pen,
    pub(crate) library: Library,
    pub(crate) curves: Curves,
    pub(crate) stats: Arc<TaskStats>,
    pub(crate) changes: Changes,
    pub(crate) zones: Zones,
    pub(crate) entries: Vec<Entry>,
    pub(crate) scratch: Vec<u8>,
    pub(crate) readings: Vec<wire::Reading<'static>>,
    /// What is counted in the open transaction.
    pub(crate) counted: Counted,
    backlog: Backlog,
    rounds: Rounds,
    clock: Clock,
    /// When the open transaction was begun, if one is open.
    open_since: Option<i64>,
    /// Records taken in it.
    open_records: usize,
    /// Produce times of the records in the open transaction whose outputs are written at once.
    waiting: Vec<i64>,
    /// The tick that this owner wrote when it took over: nothing is judged before it is read.
    takeover_tick: i64,
    next_tick_at: i64,
    /// When a control record was last read, by the clock.
    control_read_at: i64,
    contracts_at: ResumeAt,
    /// The open transaction raised what can't wait: it ends with the batch.
    pub(crate) is_urgent: bool,
}

impl<L: TaskLog> Task<L> {
    /// A task that has not begun. `start` comes first, then `step` again and again.
    pub fn new(log: L, config: TaskConfig, stats: Arc<TaskStats>, clock: Clock) -> Self {
        Self {
            log,
            state: TaskState::default(),
            tx: Transaction::new(),
            pen: Pen::new(config.partition),
            library: Library::default(),
            curves: Curves::default(),
            stats,
            changes: Changes::default(),
            zones: Zones::default(),
            entries: Vec::new(),
            scratch: Vec::new(),
            readings: Vec::new(),
            counted: Counted::default(),
            backlog: Backlog::default(),
            rounds: Rounds::new(config.rounds, 0),
            clock,
            open_since: None,
            open_records: 0,
            waiting: Vec::new(),
            takeover_tick: 0,
            next_tick_at: 0,
            control_read_at: 0,
            contracts_at: ResumeAt(0),
            is_urgent: false,
            config,
        }
    }

    /// Runs until `stop` is set or another owner takes over.
    ///
    /// # Errors
    /// When the task can't go on: a dependency failed for good, or the state can't be read.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<Ended, TaskError> {
        let ended = self.run_to_end(stop);
        self.stats.phase.store(4, Relaxed);
        match ended {
            Err(TaskError::Log(LogError::Fenced(_))) => Ok(Ended::Fenced),
            other => other,
        }
    }

    fn run_to_end(&mut self, stop: &AtomicBool) -> Result<Ended, TaskError> {
        self.start()?;
        while !stop.load(Relaxed) {
            self.stats.phase.store(if self.has_tick() { 3 } else { 2 }, Relaxed);
            self.step()?;
        }
        match self.commit() {
            Err(TaskError::Log(LogError::Aborted(_))) => self.roll_back()?,
            other => other?,
        }
        Ok(Ended::Stopped)
    }

    /// Takes over, restores, and begins to read its ticks.
    ///
    /// # Errors
    /// When the log is unavailable or the changelog can't be read.
    pub fn start(&mut self) -> Result<(), TaskError> {
        self.log.take_over()?;
        self.stats.phase.store(1, Relaxed);
        let began = (self.clock)();
        let restored = self.restore()?;
        self.rounds = Rounds::new(self.config.rounds, restored);
        self.stats.restore_bytes.store(restored, Relaxed);
        self.stats.restore_ms.store(u64::try_from((self.clock)() - began).unwrap_or(0), Relaxed);
        let (patients, devices, held) = self.state.counts();
        tracing::info!(
            partition = self.config.partition,
            restored_bytes = restored,
            patients,
            devices,
            held,
            "state restored"
        );
        if let Ticks::Wall { .. } = self.config.ticks {
            self.takeover_tick = (self.clock)();
            self.control_read_at = self.takeover_tick;
            self.write_tick(self.takeover_tick)?;
            self.commit()?;
        }
        self.resume()
    }

    fn restore(&mut self) -> Result<u64, TaskError> {
        self.tx = Transaction::new();
        let (mut restore, mut bytes, mut failed) = (Restore::<TaskState>::default(), 0u64, None);
        self.log.read_changelog(&mut |record| {
            bytes += record.len() as u64;
            if failed.is_none() {
                failed = restore.take(record).err();
            }
        })?;
        if let Some(corrupt) = failed {
            return Err(corrupt.into());
        }
        self.state = restore.finish()?;
        self.state.reschedule();
        if bytes == 0 {
            self.state.meta.incarnation = self.config.incarnation;
        }
        self.pen.resume(&self.state.meta);
        let tick = Instant(self.state.meta.tick);
        self.stats.set_open_alerts(self.state.alerts.iter().flat_map(|book| book.open(tick)));
        let known = self.state.meta.positions().get(CONTRACTS);
        let until = (known != ResumeAt(0)).then_some(known);
        let (library, curves, mut published) = (&mut self.library, &mut self.curves, Published::new());
        self.contracts_at = self.log.read_broadcast(CONTRACTS, until, &mut |record| {
            learn_document(library, curves, &record, &mut published);
        })?;
        self.state.meta.advance(CONTRACTS, self.contracts_at);
        self.restore_curves(bytes == 0)?;
        Ok(bytes)
    }

    /// The editions by which the state was judged; a state that begins knows all there are.
    fn restore_curves(&mut self, begins: bool) -> Result<(), TaskError> {
        let known = self.state.meta.positions().get(CURVE_EDITIONS);
        if !begins && known == ResumeAt(0) {
            return Ok(());
        }
        let (curves, mut published) = (&mut self.curves, Published::new());
        let until = (!begins).then_some(known);
        let read_to = self.log.read_broadcast(CURVE_EDITIONS, until, &mut |record| {
            learn_edition(curves, &record, &mut published);
        })?;
        self.state.meta.advance(CURVE_EDITIONS, read_to);
        Ok(())
    }

    /// Reads from where the state says: the ticks alone until there is one, then everything.
    fn resume(&mut self) -> Result<(), TaskError> {
        let known = self.state.meta.positions();
        let mut from: Positions = [(CONTROL, known.get(CONTROL))].into_iter().collect();
        if self.has_tick() {
            from.advance(CONTRACTS, known.get(CONTRACTS).max(self.contracts_at));
            from.advance(CURVE_EDITIONS, known.get(CURVE_EDITIONS));
            if self.config.partition == COUNTING_TASK {
                from.advance(CURVE_CONTRIBUTIONS, known.get(CURVE_CONTRIBUTIONS));
            }
            for topic in topics::with_role(Role::Input) {
                from.advance(topic.id, known.get(topic.id));
            }
        }
        Ok(self.log.resume(&from)?)
    }

    /// Whether the tick is recent enough to judge by: some tick, and the one that this owner wrote.
    fn has_tick(&self) -> bool {
        self.state.meta.tick > 0 && self.state.meta.tick >= self.takeover_tick
    }

    /// One turn: ticks first, then documents, then inputs, then a commit when it is time for one.
    ///
    /// # Errors
    /// As `run`; an aborted transaction is rolled back here and is no error.
    pub fn step(&mut self) -> Result<(), TaskError> {
        match self.turn() {
            Err(TaskError::Log(LogError::Aborted(reason))) => {
                tracing::warn!(
                    partition = self.config.partition,
                    reason,
                    "transaction aborted, reading again"
                );
                self.roll_back()
            }
            other => other,
        }
    }

    fn turn(&mut self) -> Result<(), TaskError> {
        // With a transaction open, only a look: is more waiting?
        let wait = match self.open_since {
            _ if !self.state.issuing.is_empty() => 0,
            Some(_) => 1,
            None => self.config.poll_ms,
        };
        let batch = self.log.poll(Duration::from_millis(wait))?;
        let (had_tick, polled_at) = (self.has_tick(), (self.clock)());
        self.apply_ticks(&batch)?;
        let mut published = Published::new();
        for i in 0..batch.len() {
            let record = batch.get(i);
            if record.topic == CONTROL {
                continue;
            }
            if i % WARM_WEARERS == 0 {
                let next = (i..batch.len().min(i + WARM_WEARERS)).map(|i| batch.get(i));
                let readings = next.filter(|record| record.topic == WEARABLE_READINGS);
                self.state.warm_wearers(readings.filter_map(|record| codec::peek_wearer(record.value)));
            }
            self.begin();
            // Before it is taken: what it writes may say up to where all was taken.
            self.state.meta.advance(record.topic, record.offset.next());
            match record.topic {
                CONTRACTS => learn_document(&mut self.library, &mut self.curves, &record, &mut published),
                CURVE_EDITIONS => learn_edition(&mut self.curves, &record, &mut published),
                CURVE_CONTRIBUTIONS => self.take_contribution(&record)?,
                _ => {
                    self.take(&Input::of_record(&batch, i))?;
                    self.note(&record);
                }
            }
            self.backlog.note(record.topic, record.produced_at, polled_at);
        }
        for passed in batch.unreadable() {
            self.begin();
            self.pass_over(passed)?;
        }
        self.judge_anew(&published)?;
        let caught_up = batch.len() <= self.config.commit_records_small;
        self.open_records += batch.len();
        drop(batch);
        if !self.state.issuing.is_empty() {
            self.open_records += self.issue_some()?;
        }
        self.backlog.show(caught_up && self.state.issuing.is_empty(), polled_at, &self.stats);
        if let Ticks::Wall { every_ms } = self.config.ticks {
            let now = (self.clock)();
            if now >= self.next_tick_at {
                self.write_tick(now)?;
                self.next_tick_at = now + every_ms;
            }
            if now > self.control_read_at + self.config.stall_ms_max {
                return self.wake(now);
            }
        }
        if self.commit_is_due(caught_up) {
            self.commit()?;
        }
        if !had_tick && self.has_tick() {
            self.commit()?;
            self.resume()?;
        }
        Ok(())
    }

    /// Our own ticks do not come back: the client has lost a wake-up. Reading is begun anew.
    fn wake(&mut self, now: i64) -> Result<(), TaskError> {
        tracing::warn!(partition = self.config.partition, "no tick came back, reading is begun anew");
        TaskStats::add(&self.stats.stalls, 1);
        self.control_read_at = now;
        self.commit()?;
        self.resume()
    }

    /// While there is a backlog a transaction stays open, so that it pays for its round trips; once the task has caught
    /// up it ends, at once if it is small.
    fn commit_is_due(&self, caught_up: bool) -> bool {
        let Some(since) = self.open_since else { return false };
        let open_ms = (self.clock)() - since;
        if self.is_urgent {
            true
        } else if caught_up {
            self.open_records <= self.config.commit_records_small || open_ms >= self.config.commit_ms_min
        } else {
            open_ms >= self.config.commit_ms_busy
        }
    }

    fn note(&mut self, record: &RecordRef<'_>) {
        if topics::kind_of(record.topic).is_some() {
            self.waiting.push(record.produced_at);
        }
    }

    /// Ticks of a batch come before everything else in it; the highest wins.
    fn apply_ticks(&mut self, batch: &L::Batch) -> Result<(), TaskError> {
        let mut before = self.state.meta.tick;
        let mut settled = Vec::new();
        for i in 0..batch.len() {
            let record = batch.get(i);
            if record.topic != CONTROL {
                continue;
            }
            self.begin();
            self.control_read_at = (self.clock)();
            self.state.meta.advance(CONTROL, record.offset.next());
            self.state.meta.records_in[topics::index(CONTROL)] += 1;
            let header = batch.header(i, codec::GUID_HEADER);
            match codec::decode::<wire::Control<'_>>("control", record.value, header.as_deref()) {
                Ok(control) if control.kind == wire::ControlKind::Tick => {
                    self.state.meta.tick = self.state.meta.tick.max(control.at);
                }
                Ok(control) if control.kind == wire::ControlKind::Closing => {
                    // what is due at the ticks before it belongs to the months before it
                    if self.state.meta.tick > before {
                        before = self.state.meta.tick;
                        self.on_tick()?;
                    }
                    self.answer_settlements(&mut settled)?;
                    self.close(control.id.unwrap_or_default())?;
                }
                Ok(control) if control.kind == wire::ControlKind::Settlement => {
                    let (id, body) = (control.id.unwrap_or_default(), control.body.unwrap_or_default());
                    settled.extend(self.take_settlement(id, body));
                }
                Ok(_) => {}
                Err(error) => {
                    let input = Input::of_record(batch, i);
                    self.undecodable(&input, error.reason(), &error.to_string())?;
                }
            }
        }
        if self.state.meta.tick > before {
            self.on_tick()?;
        }
        self.answer_settlements(&mut settled)
    }

    fn on_tick(&mut self) -> Result<(), TaskError> {
        self.boundary_tick()?;
        self.held_tick()?;
        self.readings_tick()?;
        self.follow_tick()?;
        self.observe();
        Ok(())
    }

    fn observe(&self) {
        let (patients, devices, held) = self.state.counts();
        self.stats.patients.store(patients as u64, Relaxed);
        self.stats.devices.store(devices as u64, Relaxed);
        self.stats.held.store(held as u64, Relaxed);
        self.stats.held_bytes.store(self.state.held_bytes, Relaxed);
        self.stats.curve_ahead.store(self.state.cohorts.ahead() as u64, Relaxed);
    }

    fn write_tick(&mut self, at: i64) -> Result<(), TaskError> {
        self.begin();
        let mut value = Vec::new();
        let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
        codec::encode("control", &tick, &mut value)?;
        let partition = self.config.partition;
        Ok(self.log.send(&Outgoing {
            topic: CONTROL,
            partition,
            key: None,
            value: Some(&value),
            headers: &[],
        })?)
    }

    /// Opens a transaction if none is open. The task's own entry changes in each.
    pub(crate) fn begin(&mut self) {
        if self.open_since.is_none() {
            self.open_since = Some((self.clock)());
            let meta = &self.state.meta;
            self.tx.touch(key::meta(), 0, |out| {
                encode_value(meta, out);
                true
            });
        }
    }

    /// Commits what is open: outputs, changelog and positions together.
    fn commit(&mut self) -> Result<(), TaskError> {
        if self.open_since.is_none() {
            return Ok(());
        }
        self.state.meta.sequences.clone_from(&self.pen.sequences);
        let began = (self.clock)();
        let mut scratch = std::mem::take(&mut self.scratch);
        let (log, partition, size) =
            (&mut self.log, self.config.partition, self.config.changelog_record_bytes);
        let mut send = |record: &[u8]| {
            log.send(&Outgoing { topic: TASK_STATE, partition, key: None, value: Some(record), headers: &[] })
        };
        let changed = self.tx.write(&self.state, &mut scratch, size, &mut send)? as u64;
        let cut = self.rounds.write(&self.state, changed, &mut scratch, size, &mut send)?;
        self.scratch = scratch;
        self.log.commit(&self.state.meta.positions())?;
        self.tx.committed();
        self.open_since = None;
        self.open_records = 0;
        self.is_urgent = false;
        self.committed(began, changed, cut)
    }

    fn committed(&mut self, began: i64, changed: u64, cut: Option<i64>) -> Result<(), TaskError> {
        let now = (self.clock)();
        TaskStats::add(&self.stats.committed, 1);
        TaskStats::add(&self.stats.changelog_bytes, changed);
        for (counter, n) in self.stats.records_in.iter().zip(&self.state.meta.records_in) {
            counter.store(*n, Relaxed);
        }
        self.stats.count(&std::mem::take(&mut self.counted));
        // A tick is done when all that it asked for is issued.
        if self.state.issuing.is_empty() {
            self.stats.tick.store(self.state.meta.tick, Relaxed);
        }
        self.stats.commit_ms.observe(u64::try_from(now - began).unwrap_or(0));
        for produced_at in self.waiting.drain(..) {
            self.stats.append_to_output_ms.observe(u64::try_from(now - produced_at).unwrap_or(0));
        }
        if let Some(before) = cut {
            TaskStats::add(&self.stats.rounds_completed, 1);
            if let Err(error) = self.log.truncate_changelog(aftercare_stream::position::Offset(before)) {
                tracing::warn!(partition = self.config.partition, %error, "changelog not cut, next round will");
            }
        }
        if self.rounds.is_due() {
            let end = self.log.changelog_end()?;
            self.rounds.begin(end.0);
        }
        Ok(())
    }

    /// Takes the open transaction back and reads its inputs again.
    fn roll_back(&mut self) -> Result<(), TaskError> {
        self.log.abort()?;
        TaskStats::add(&self.stats.aborted, 1);
        self.tx.aborted(&mut self.state)?;
        self.state.reschedule();
        self.rounds.aborted();
        self.pen.resume(&self.state.meta);
        self.waiting.clear();
        self.counted = Counted::default();
        self.open_since = None;
        self.open_records = 0;
        self.is_urgent = false;
        self.resume()
    }
}

/// Takes a document into the library; answers the curve from elsewhere, if it is one. One that can't be read changes
/// nothing: what needs it is refused and can be replayed once it is repaired.
pub fn learn(library: &mut Library, record: &RecordRef<'_>) -> Option<Arc<PriorDocument>> {
    record.value?;
    let document = match codec::decode::<wire::Document<'_>>("contracts", record.value, None) {
        Ok(document) => document,
        Err(error) => {
            tracing::error!(offset = record.offset.0, %error, "document ignored");
            return None;
        }
    };
    if let Err(problems) = library.add(document.kind, document.id, document.version, document.body) {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        tracing::error!(
            kind = document.kind,
            id = document.id,
            version = document.version,
            problems = problems.join("; "),
            "document ignored"
        );
        return None;
    }
    let prior = (document.kind == CURVE).then(|| library.prior(document.id, document.version));
    prior.flatten().cloned()
}
