//! The state of one task: everything that its decisions rest on, in memory, with one codec for changelog and undo.
//!
//! Tables: the task itself, patients, devices, windows, held records, books. An entry is found by number; a patient or
//! device gets the next free number when it is first seen.

mod books;
mod clinicians;
mod codec;
mod cohorts;
mod device;
#[cfg(test)]
mod fixtures;
mod held;
mod meta;
pub(crate) mod operation;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::hint::black_box;

use aftercare_core::alert::AlertBook;
use aftercare_core::clinician::ReviewBook;
use aftercare_core::contract::{Closings, LedgerBook, Settlements};
use aftercare_core::patient::Patient;
use aftercare_core::time::Instant;
use aftercare_core::vital::VitalBook;
use aftercare_stream::changelog::{CorruptState, Key, OPERATIONS, State};
use foldhash::HashMap;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use books::{Book, Books, Shelf};
pub(crate) use clinicians::{ClinicianNo, Clinicians};
pub(crate) use codec::encode_value;
use codec::{decode_value, versioned};
use cohorts::Cohorts;
pub(crate) use cohorts::{Contributed, leaf};
pub(crate) use device::{Device, LIVE_WINDOWS, ReadingOutcome, Series, Tally, Window, WindowKey};
pub(crate) use held::{Held, HeldFor};
pub(crate) use meta::Meta;

/// How many wearers' memory is touched ahead.
pub(crate) const WARM_WEARERS: usize = 16;

const META: u8 = 0;
const PATIENT: u8 = 1;
const DEVICE: u8 = 2;
const WINDOW: u8 = 3;
const HELD: u8 = 4;
/// How many kinds of books there are. Their tables follow, in the order of [`TaskState::shelves`].
const SHELVES: usize = 11;
const VITALS: u8 = 5;
const ALERTS: u8 = 6;
const LEDGER: u8 = 9;
const CLOSINGS: u8 = 10;
const SETTLEMENTS: u8 = 11;
const REVIEWS: u8 = 13;
const CLINICIAN: u8 = 14;
/// What task 0 counts of all patients.
const COHORTS: [u8; 4] = [40, 41, 42, 43];

/// Number of a patient within a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct PatientNo(pub(crate) u32);

/// Number of a device of a patient within a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct DeviceNo(pub(crate) u32);

/// A patient's entry.
pub(crate) struct PatientEntry {
    pub(crate) id: Box<str>,
    pub(crate) patient: Patient,
    pub(crate) devices: Vec<DeviceNo>,
    /// The transaction that touched it last.
    pub(crate) epoch: u32,
}

/// What is to be issued.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Issue {
    Window(WindowKey),
    Tally(DeviceNo),
    /// Hours and days of a device.
    Longer(DeviceNo),
    /// Days of a patient that are over.
    Days(PatientNo),
}

/// The whole state.
#[derive(Default)]
pub(crate) struct TaskState {
    pub(crate) meta: Meta,
    patients: Vec<Option<PatientEntry>>,
    /// Only looked up, never iterated: its order depends on the build.
    patient_by_id: HashMap<Box<str>, PatientNo>,
    devices: Vec<Option<Device>>,
    /// Devices by their patient's and their own id; only looked up.
    device_by_ids: HashTable<DeviceNo>,
    hasher: foldhash::fast::FixedState,
    pub(crate) held: BTreeMap<u64, Held>,
    pub(crate) held_bytes: u64,
    /// Held records by (due, number).
    pub(crate) held_due: BTreeSet<(i64, u64)>,
    /// Windows and tallies that changed since they were last issued. May name entries that no longer did. This and the
    /// sweeps follow from the entries: `reschedule`.
    pub(crate) dirty_windows: Vec<WindowKey>,
    pub(crate) dirty_devices: Vec<DeviceNo>,
    /// What a tick found changed and what is not issued yet; the last is the next.
    pub(crate) issuing: Vec<Issue>,
    /// Devices to look at for windows that ended, by (due, number).
    pub(crate) sweeps: BTreeSet<(i64, DeviceNo)>,
    /// What vital signs say beyond their live windows, by patient.
    pub(crate) vitals: Books<VitalBook>,
    pub(crate) alerts: Books<AlertBook>,
    pub(crate) ledgers: Books<LedgerBook>,
    /// One for the task.
    pub(crate) closings: Books<Closings>,
    /// One for the task.
    pub(crate) settlements: Books<Settlements>,
    pub(crate) reviews: Books<ReviewBook>,
    pub(crate) clinicians: Clinicians,
    /// Of task 0: all patients' contributions to curves.
    pub(crate) cohorts: Cohorts,
}

impl Book for VitalBook {
    const NAME: &'static str = "vital signs";
    const TABLE: u8 = VITALS;

    fn next_due(&self) -> Option<Instant> {
        VitalBook::next_due(self)
    }
}

impl Book for LedgerBook {
    const NAME: &'static str = "ledger";
    const TABLE: u8 = LEDGER;

    fn next_due(&self) -> Option<Instant> {
        LedgerBook::next_due(self)
    }
}

impl Book for Closings {
    const NAME: &'static str = "closings";
    const TABLE: u8 = CLOSINGS;

    fn next_due(&self) -> Option<Instant> {
        None
    }
}

impl Book for Settlements {
    const NAME: &'static str = "settlements";
    const TABLE: u8 = SETTLEMENTS;

    fn next_due(&self) -> Option<Instant> {
        None
    }
}

impl Book for AlertBook {
    const NAME: &'static str = "alerts";
    const TABLE: u8 = ALERTS;

    fn next_due(&self) -> Option<Instant> {
        AlertBook::next_due(self)
    }
}

impl Book for ReviewBook {
    const NAME: &'static str = "reviews";
    const TABLE: u8 = REVIEWS;

    fn next_due(&self) -> Option<Instant> {
        None
    }
}

impl TaskState {
    pub(crate) fn find_patient(&self, id: &str) -> Option<PatientNo> {
        self.patient_by_id.get(id).copied()
    }

    /// A new patient with the next number. The caller touches the entry first.
    pub(crate) fn next_patient(&self) -> PatientNo {
        PatientNo(u32::try_from(self.patients.len()).expect("a task holds fewer than 2^32 patients"))
    }

    pub(crate) fn next_device(&self) -> DeviceNo {
        DeviceNo(u32::try_from(self.devices.len()).expect("a task holds fewer than 2^32 devices"))
    }

    pub(crate) fn insert_patient(&mut self, no: PatientNo, entry: PatientEntry) {
        self.patient_by_id.insert(entry.id.clone(), no);
        *slot(&mut self.patients, no.0) = Some(entry);
    }

    pub(crate) fn insert_device(&mut self, no: DeviceNo, device: Device) {
        let ids = device.ids();
        if ids != ("", "") && self.find_device(ids.0, ids.1).is_none() {
            let hash = self.hasher.hash_one(ids);
            let (devices, hasher) = (&self.devices, &self.hasher);
            let rehash = |no: &DeviceNo| {
                hasher.hash_one(devices[no.0 as usize].as_ref().expect("the index names devices").ids())
            };
            self.device_by_ids.insert_unique(hash, no, rehash);
        }
        *slot(&mut self.devices, no.0) = Some(device);
    }

    /// The device of these ids. One look-up instead of the patient's and then the device's: a reading comes here.
    pub(crate) fn find_device(&self, patient_id: &str, device_id: &str) -> Option<DeviceNo> {
        let same = |no: &DeviceNo| {
            self.device_get(*no).is_some_and(|device| device.ids() == (patient_id, device_id))
        };
        self.device_by_ids.find(self.hasher.hash_one((patient_id, device_id)), same).copied()
    }

    /// Touches what the next readings of these wearers will need. A reading waits for memory four times over, each
    /// wait depending on the one before; done for several wearers at a time, the waits overlap.
    pub(crate) fn warm_wearers<'a>(&self, wearers: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut likely = [DeviceNo(0); WARM_WEARERS];
        let mut n = 0;
        for wearer in wearers.take(WARM_WEARERS) {
            // Any entry of the same hash bits will do.
            if let Some(no) = self.device_by_ids.find(self.hasher.hash_one(wearer), |_| true) {
                likely[n] = *no;
                n += 1;
            }
        }
        let likely = || likely[..n].iter().filter_map(|no| self.device_get(*no));
        black_box(likely().map(|d| d.epoch).sum::<u32>());
        black_box(likely().map(Device::warmth).fold(0, i64::wrapping_add));
    }

    fn remove_device(&mut self, no: DeviceNo) {
        if let Some(device) = self.device_get(no) {
            let hash = self.hasher.hash_one(device.ids());
            if let Ok(entry) = self.device_by_ids.find_entry(hash, |known| *known == no) {
                entry.remove();
            }
        }
        remove(&mut self.devices, u64::from(no.0));
    }

    pub(crate) fn patient(&self, no: PatientNo) -> &PatientEntry {
        self.patients[no.0 as usize].as_ref().expect("a patient's number comes from the table")
    }

    pub(crate) fn patient_mut(&mut self, no: PatientNo) -> &mut PatientEntry {
        self.patients[no.0 as usize].as_mut().expect("a patient's number comes from the table")
    }

    /// The alerts, to be changed, and the patient whom they are about.
    pub(crate) fn alerts_and_patient(&mut self, no: PatientNo) -> (&mut Books<AlertBook>, &PatientEntry) {
        let patient = self.patients[no.0 as usize].as_ref();
        (&mut self.alerts, patient.expect("a patient's number comes from the table"))
    }

    /// The reviews, to be changed, and the patient whom they are about.
    pub(crate) fn reviews_and_patient(&mut self, no: PatientNo) -> (&mut Books<ReviewBook>, &PatientEntry) {
        let patient = self.patients[no.0 as usize].as_ref();
        (&mut self.reviews, patient.expect("a patient's number comes from the table"))
    }

    /// The ledgers, to be changed, and the patient whom they are about.
    pub(crate) fn ledgers_and_patient(&mut self, no: PatientNo) -> (&mut Books<LedgerBook>, &PatientEntry) {
        let patient = self.patients[no.0 as usize].as_ref();
        (&mut self.ledgers, patient.expect("a patient's number comes from the table"))
    }

    /// The numbers of all patients.
    pub(crate) fn patient_numbers(&self) -> impl Iterator<Item = PatientNo> + use<> {
        (0..self.next_patient().0).map(PatientNo)
    }

    pub(crate) fn device(&self, no: DeviceNo) -> &Device {
        self.devices[no.0 as usize].as_ref().expect("a device's number comes from the table")
    }

    pub(crate) fn device_mut(&mut self, no: DeviceNo) -> &mut Device {
        self.devices[no.0 as usize].as_mut().expect("a device's number comes from the table")
    }

    pub(crate) fn device_get(&self, no: DeviceNo) -> Option<&Device> {
        self.devices.get(no.0 as usize)?.as_ref()
    }

    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (self.patients.len(), self.devices.len(), self.held.len())
    }

    pub(crate) fn insert_held(&mut self, no: u64, held: Held) {
        self.remove_held(no);
        self.held_bytes += held.bytes();
        self.held_due.insert((held.due, no));
        self.held.insert(no, held);
    }

    pub(crate) fn remove_held(&mut self, no: u64) -> Option<Held> {
        let held = self.held.remove(&no)?;
        self.held_bytes -= held.bytes();
        self.held_due.remove(&(held.due, no));
        Some(held)
    }

    /// The tables of books, by table.
    fn shelves(&self) -> [&dyn Shelf; SHELVES] {
        let [sources, ahead, leaves, cells] = self.cohorts.shelves();
        [
            &self.vitals,
            &self.alerts,
            &self.ledgers,
            &self.closings,
            &self.settlements,
            &self.reviews,
            &self.clinicians,
            sources,
            ahead,
            leaves,
            cells,
        ]
    }

    /// The same, to be changed.
    fn shelves_mut(&mut self) -> [&mut dyn Shelf; SHELVES] {
        let [sources, ahead, leaves, cells] = self.cohorts.shelves_mut();
        [
            &mut self.vitals,
            &mut self.alerts,
            &mut self.ledgers,
            &mut self.closings,
            &mut self.settlements,
            &mut self.reviews,
            &mut self.clinicians,
            sources,
            ahead,
            leaves,
            cells,
        ]
    }

    /// Queues everything that changed since it was last issued.
    pub(crate) fn queue_dirty(&mut self) {
        self.issuing.extend(self.dirty_windows.drain(..).map(Issue::Window));
        self.issuing.extend(self.dirty_devices.drain(..).map(Issue::Tally));
        self.issuing.sort_unstable_by(|one, other| other.cmp(one));
        self.issuing.dedup();
    }

    /// Finds again what the entries themselves say about timers: what changed and was not issued, what ends when.
    /// After a restore, and after an abort, which may have interrupted the work of a tick anywhere: so what changed is
    /// issued without waiting for another.
    pub(crate) fn reschedule(&mut self) {
        self.dirty_windows.clear();
        self.dirty_devices.clear();
        self.issuing.clear();
        self.sweeps.clear();
        self.shelves_mut().into_iter().for_each(Shelf::reschedule);
        for (no, device) in (0u32..).map(DeviceNo).zip(&mut self.devices) {
            let Some(device) = device else { continue };
            if device.tally.is_dirty() {
                self.dirty_devices.push(no);
            }
            // Which hours and days changed is not kept: all that are live are issued, spread over the next second.
            let windows = device.series.iter_mut().flat_map(|series| &mut series.windows);
            let live = windows.map(|window| window.longer_due = true).count() > 0;
            device.longer_at = live.then(|| self.meta.tick.saturating_add(i64::from(no.0) * 7 % 1_000));
            for series in &device.series {
                let dirty = series.windows.iter().filter(|w| w.dirty);
                self.dirty_windows.extend(dirty.filter_map(|w| WindowKey::new(no, series.metric, w.index)));
            }
            device.sweep_at = device.next_sweep();
            if let Some(due) = device.sweep_at {
                self.sweeps.insert((due, no));
            }
        }
        self.queue_dirty();
    }

    /// Has the device looked at no later than `due`. So at every tick all windows that ended are gone, whenever the
    /// state was restored.
    pub(crate) fn sweep_by(&mut self, no: DeviceNo, due: i64) {
        let device = self.device_mut(no);
        let earlier = device.sweep_at.is_none_or(|at| due < at);
        if earlier && let Some(at) = device.sweep_at.replace(due) {
            self.sweeps.remove(&(at, no));
        }
        if earlier {
            self.sweeps.insert((due, no));
        }
    }
}

fn slot<T>(table: &mut Vec<Option<T>>, no: u32) -> &mut Option<T> {
    let at = no as usize;
    if table.len() <= at {
        table.resize_with(at + 1, || None);
    }
    &mut table[at]
}

fn remove<T>(table: &mut Vec<Option<T>>, no: u64) -> Option<T> {
    let removed = table.get_mut(usize::try_from(no).ok()?)?.take();
    while table.last().is_some_and(Option::is_none) {
        table.pop();
    }
    removed
}

/// The keys of entries.
pub(crate) mod key {
    use super::{DEVICE, DeviceNo, HELD, Key, META, PATIENT, PatientNo, WINDOW, WindowKey};

    pub(crate) const fn meta() -> Key {
        Key { table: META, id: 0 }
    }
    pub(crate) fn patient(no: PatientNo) -> Key {
        Key { table: PATIENT, id: u64::from(no.0) }
    }
    pub(crate) fn device(no: DeviceNo) -> Key {
        Key { table: DEVICE, id: u64::from(no.0) }
    }
    pub(crate) fn window(key: WindowKey) -> Key {
        Key { table: WINDOW, id: key.0 }
    }
    pub(crate) const fn held(no: u64) -> Key {
        Key { table: HELD, id: no }
    }
}

#[derive(Serialize, Deserialize)]
struct PatientValue<'a> {
    id: std::borrow::Cow<'a, str>,
    devices: std::borrow::Cow<'a, [DeviceNo]>,
}

impl PatientEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let head = PatientValue { id: (&*self.id).into(), devices: (&*self.devices).into() };
        encode_value(&head, out);
        codec::append(&self.patient, out);
    }

    fn decode(value: &[u8]) -> Result<Self, CorruptState> {
        let corrupt = |e: postcard::Error| CorruptState(format!("patient: {e}"));
        let (head, rest) =
            postcard::take_from_bytes::<PatientValue<'_>>(versioned(value, "patient")?).map_err(corrupt)?;
        Ok(Self {
            id: head.id.into_owned().into(),
            devices: head.devices.into_owned(),
            patient: postcard::from_bytes(rest).map_err(corrupt)?,
            epoch: 0,
        })
    }
}

impl State for TaskState {
    fn encode(&self, key: Key, out: &mut Vec<u8>) -> bool {
        let at = usize::try_from(key.id).unwrap_or(usize::MAX);
        match key.table {
            META => encode_value(&self.meta, out),
            PATIENT => match self.patients.get(at).and_then(Option::as_ref) {
                Some(entry) => entry.encode(out),
                None => return false,
            },
            DEVICE => match self.devices.get(at).and_then(Option::as_ref) {
                Some(device) => encode_value(device, out),
                None => return false,
            },
            WINDOW => {
                let key = WindowKey(key.id);
                match self.device_get(key.device()).and_then(|d| d.window(key)) {
                    Some(window) => window.encode(out),
                    None => return false,
                }
            }
            HELD => match self.held.get(&key.id) {
                Some(held) => encode_value(held, out),
                None => return false,
            },
            table => {
                let shelf = self.shelves().into_iter().find(|shelf| shelf.table() == table);
                return shelf.is_some_and(|shelf| shelf.encode(key.id, out));
            }
        }
        true
    }

    fn warm(&self, key: Key) {
        if key.table == WINDOW {
            let key = WindowKey(key.id);
            black_box(self.device_get(key.device()).and_then(|d| d.window(key)).map(|w| w.index));
        }
    }

    fn apply(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), CorruptState> {
        match (key.table, value) {
            (META, Some(value)) => self.meta = decode_value::<Meta>(value, "task")?.with_all_topics(),
            (META, None) => self.meta = Meta::default(),
            (PATIENT, Some(value)) => {
                let no = u32::try_from(key.id)
                    .map_err(|error| CorruptState(format!("patient number: {error}")))?;
                self.insert_patient(PatientNo(no), PatientEntry::decode(value)?);
            }
            (PATIENT, None) => {
                if let Some(entry) = remove(&mut self.patients, key.id) {
                    self.patient_by_id.remove(&entry.id);
                }
            }
            (DEVICE, Some(value)) => {
                let no = DeviceNo(
                    u32::try_from(key.id).map_err(|error| CorruptState(format!("device number: {error}")))?,
                );
                let mut device: Device = decode_value(value, "device")?;
                if let Some(known) = slot(&mut self.devices, no.0) {
                    device.adopt_windows(known);
                }
                self.insert_device(no, device);
            }
            (DEVICE, None) => {
                let no =
                    u32::try_from(key.id).map_err(|error| CorruptState(format!("device number: {error}")))?;
                self.remove_device(DeviceNo(no));
            }
            (WINDOW, value) => {
                let key = WindowKey(key.id);
                let window = match value {
                    Some(value) => Some(Window::decode(versioned(value, "window")?)?),
                    None => None,
                };
                // A window may come before its device in the changelog: the device's own value fills in the rest.
                let device = slot(&mut self.devices, key.device().0);
                match (device, window) {
                    (None, None) => return Ok(()),
                    (Some(device), window) => device.set_window(key, window),
                    (empty, Some(window)) => {
                        empty.insert(Device::default()).set_window(key, Some(window));
                    }
                }
            }
            (HELD, Some(value)) => {
                let held = decode_value(value, "held record")?;
                self.insert_held(key.id, held);
            }
            (HELD, None) => {
                self.remove_held(key.id);
            }
            (OPERATIONS.., value) => {
                let no = operation::device_of(key).ok_or_else(|| {
                    CorruptState(format!("operation {} is not known to this build", key.table))
                })?;
                let device = slot(&mut self.devices, no.0).get_or_insert_default();
                operation::apply(device, key, value.unwrap_or_default())?;
            }
            (table, value) => {
                let shelf = self.shelves_mut().into_iter().find(|shelf| shelf.table() == table);
                let unknown = || CorruptState(format!("table {table} is not known to this build"));
                shelf.ok_or_else(unknown)?.apply(key.id, value)?;
            }
        }
        Ok(())
    }

    fn has_operations(table: u8) -> bool {
        matches!(table, DEVICE | WINDOW)
    }

    fn next_key(&self, after: Option<Key>) -> Option<Key> {
        let Some(after) = after else { return Some(key::meta()) };
        let next_in = |table: u8| (after.table == table).then_some(after.id);
        if after.table <= PATIENT {
            let from = next_in(PATIENT).map_or(0, |id| id + 1);
            if let Some(id) = next_occupied(&self.patients, from) {
                return Some(Key { table: PATIENT, id });
            }
        }
        if after.table <= DEVICE {
            let from = next_in(DEVICE).map_or(0, |id| id + 1);
            if let Some(id) = next_occupied(&self.devices, from) {
                return Some(Key { table: DEVICE, id });
            }
        }
        if after.table <= WINDOW {
            let after = next_in(WINDOW).map(WindowKey);
            let mut device = after.map_or(0, |k| u64::from(k.device().0));
            while let Some(no) = next_occupied(&self.devices, device) {
                let no = DeviceNo(u32::try_from(no).expect("from the table"));
                if let Some(found) = self.device(no).next_window(no, after) {
                    return Some(key::window(found));
                }
                device = u64::from(no.0) + 1;
            }
        }
        if after.table <= HELD {
            let from = next_in(HELD).map_or(0, |id| id + 1);
            if let Some((no, _)) = self.held.range(from..).next() {
                return Some(key::held(*no));
            }
        }
        let shelves = self.shelves().into_iter().filter(|shelf| after.table <= shelf.table());
        shelves.map(|shelf| shelf.next(next_in(shelf.table()).map_or(0, |id| id + 1))).find_map(|key| key)
    }
}

fn next_occupied<T>(table: &[Option<T>], from: u64) -> Option<u64> {
    let from = usize::try_from(from).ok()?;
    let found = table.get(from..)?.iter().position(Option::is_some)?;
    u64::try_from(from + found).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing but tables of books.
    pub(super) struct Shelves(pub(super) Vec<Box<dyn Shelf>>);

    impl State for Shelves {
        fn encode(&self, key: Key, out: &mut Vec<u8>) -> bool {
            self.0
                .iter()
                .find(|shelf| shelf.table() == key.table)
                .is_some_and(|shelf| shelf.encode(key.id, out))
        }

        fn apply(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), CorruptState> {
            let shelf = self.0.iter_mut().find(|shelf| shelf.table() == key.table);
            shelf.expect("its table is here").apply(key.id, value)
        }

        fn has_operations(_: u8) -> bool {
            false
        }

        fn next_key(&self, _: Option<Key>) -> Option<Key> {
            None
        }
    }
}
