//! The ledger of each patient: which records concern it, when it is looked at, what closes a month.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_core::contract::{Closing, Entry, EntryKind, LedgerBook, Outside, Settlement};
use aftercare_core::facts::InputKind;
use aftercare_core::patient::Verdict;
use aftercare_core::time::Instant;
use aftercare_schemas::wire;
use aftercare_stream::log::TaskLog;
use aftercare_stream::partitioner::partition_of;

use crate::decode::Decoded;
use crate::error::TaskError;
use crate::output::Pen;
use crate::state::PatientNo;
use crate::stats::Counted;
use crate::task::Task;
use crate::topics::LEDGER;

/// The number of the one book of closings, and of settlements.
const CLOSINGS: u32 = 0;

/// What a settlement says: the sums of a pool's measures.
#[derive(serde::Deserialize)]
struct Settled<'a> {
    revision: i64,
    #[serde(borrow)]
    measures: BTreeMap<&'a str, i64>,
}

/// A settlement that was taken and is to be answered.
pub(crate) struct Answer {
    contract: String,
    id: String,
    revision: i64,
    measures: Vec<(String, String)>,
}

impl<L: TaskLog> Task<L> {
    /// Hands a record, and the scores that changed, to the ledger. It keeps what it is told whether or not there is a
    /// contract yet: one that becomes known later prices what came before.
    pub(crate) fn follow_ledger(
        &mut self,
        patient: PatientNo,
        record: Option<(&Decoded<'_>, &Verdict)>,
    ) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        let takes = |(decoded, verdict): &(&Decoded<'_>, &Verdict)| {
            decoded.head.kind != InputKind::PromResponse
                && matches!(verdict, Verdict::Accepted | Verdict::Unscored(_) | Verdict::Superseded)
        };
        let (record, judged) = (record.filter(takes), self.has_judged(patient));
        if record.is_none() && !judged {
            return Ok(());
        }
        let (changes, library) = (&self.changes, &self.library);
        let (ledgers, entry) = self.state.ledgers_and_patient(patient);
        let concerned = ledgers.change(&mut self.tx, patient.0, |book| {
            let taken = record
                .is_some_and(|(decoded, verdict)| book.take(&decoded.head, &decoded.body, verdict, tick));
            for row in changes.scores.iter().filter(|row| entry.patient.is_deciding(row, library)) {
                book.judge(row);
            }
            (taken || judged) && book.has_contract()
        });
        if concerned { self.issue_ledger(patient) } else { Ok(()) }
    }

    /// At a tick: ledgers whose time has come, by deadlines that passed.
    pub(crate) fn ledger_tick(&mut self) -> Result<(), TaskError> {
        while let Some(no) = self.state.ledgers.pop_due(Instant(self.state.meta.tick)) {
            self.issue_ledger(PatientNo(no))?;
        }
        Ok(())
    }

    /// Closes a month: what comes from now on is booked in a later one. A closing that came before, or that closes what
    /// is closed, changes nothing.
    pub(crate) fn close(&mut self, closing_id: &str) -> Result<(), TaskError> {
        let Some(closing) = Closing::parse(closing_id) else {
            tracing::error!(
                partition = self.config.partition,
                closing = closing_id,
                "closing ignored: it names no contract and month"
            );
            return Ok(());
        };
        let closed = self.state.closings.change(&mut self.tx, CLOSINGS, |closings| closings.close(closing));
        if !closed {
            return Ok(());
        }
        self.pen.marker(&mut self.log, &mut self.counted, closing_id, &[], Instant(self.state.meta.tick))
    }

    /// Takes what a population came to; [`Task::answer_settlements`] does what follows from it. A settlement that came
    /// before, or that a higher revision replaced, changes nothing.
    pub(crate) fn take_settlement(&mut self, id: &str, body: &str) -> Option<Answer> {
        let named = Settlement::parse_id(id);
        let said = serde_json::from_str::<Settled<'_>>(body);
        let (Some((contract, key)), Ok(said)) = (named, said) else {
            tracing::error!(
                partition = self.config.partition,
                settlement = id,
                "settlement ignored: it names no contract and pool, or says no measures"
            );
            return None;
        };
        let settlement = Settlement { contract, key, revision: said.revision, measures: said.measures };
        let settled = self.state.settlements.change(&mut self.tx, CLOSINGS, |all| all.settle(&settlement));
        if !settled {
            return None;
        }
        let pool_id = LedgerBook::pool_id(contract, key);
        if partition_of(pool_id.as_bytes(), self.config.partitions) == self.config.partition {
            let pool = self.patient_no(&pool_id);
            self.state.ledgers.change(&mut self.tx, pool.0, |book| book.open_pool(&pool_id));
        }
        let Settlement { revision, measures, .. } = settlement;
        Some(Answer {
            contract: contract.to_owned(),
            id: id.to_owned(),
            revision,
            measures: measures.into_iter().map(|(name, sum)| (name.to_owned(), sum.to_string())).collect(),
        })
    }

    /// All who are under the contracts of these settlements are looked at again, once, and so are the pools; then each
    /// settlement has its marker.
    pub(crate) fn answer_settlements(&mut self, answers: &mut Vec<Answer>) -> Result<(), TaskError> {
        if answers.is_empty() {
            return Ok(());
        }
        let contracts: BTreeSet<&str> = answers.iter().map(|answer| &*answer.contract).collect();
        for patient in self.state.patient_numbers() {
            let book = self.state.ledgers.get(patient.0);
            if book.is_some_and(|book| contracts.iter().any(|contract| book.is_under(contract))) {
                self.issue_ledger(patient)?;
            }
        }
        let tick = Instant(self.state.meta.tick);
        for Answer { id, revision, measures, .. } in answers.drain(..) {
            let own = format!("{id}/{revision}");
            self.pen.marker(&mut self.log, &mut self.counted, &own, &measures, tick)?;
        }
        Ok(())
    }

    fn has_judged(&self, patient: PatientNo) -> bool {
        let entry = self.state.patient(patient);
        self.changes.scores.iter().any(|row| entry.patient.is_deciding(row, &self.library))
    }

    fn issue_ledger(&mut self, patient: PatientNo) -> Result<(), TaskError> {
        let tick = Instant(self.state.meta.tick);
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let (nothing_closed, nothing_settled) = Default::default();
        let outside = Outside {
            library: &self.library,
            closings: self.state.closings.get(CLOSINGS).unwrap_or(&nothing_closed),
            settlements: self.state.settlements.get(CLOSINGS).unwrap_or(&nothing_settled),
        };
        self.state.ledgers.change(&mut self.tx, patient.0, |book| book.issue(tick, &outside, &mut entries));
        let patient_id = &self.state.patient(patient).id;
        for entry in &entries {
            self.pen.ledger(&mut self.log, &mut self.counted, patient_id, entry)?;
        }
        self.entries = entries;
        Ok(())
    }
}

impl Pen {
    pub(crate) fn ledger<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        patient_id: &str,
        entry: &Entry,
    ) -> Result<(), TaskError> {
        let who = entry.attribution.borrow();
        let (service, booking) = (entry.service_period.to_string(), entry.booking_period.to_string());
        let evidence = entry.evidence.iter().map(|evidence| wire::LedgerEvidence {
            name: &evidence.name,
            value: &evidence.value,
            unit: &evidence.unit,
            record_id: evidence.record.as_ref().map(|(id, _)| &**id),
            record_revision: evidence.record.as_ref().map(|(_, revision)| *revision),
        });
        let evidence = evidence.collect();
        self.row(log, counted, LEDGER, patient_id, |version| wire::LedgerEntry {
            version,
            entry_id: &entry.entry_id,
            kind: match entry.kind {
                EntryKind::Line => wire::LedgerKind::Line,
                EntryKind::Held => wire::LedgerKind::Held,
                EntryKind::Posting => wire::LedgerKind::Posting,
                EntryKind::Shown => wire::LedgerKind::Shown,
                EntryKind::Measure => wire::LedgerKind::Measure,
                EntryKind::Notice => wire::LedgerKind::Notice,
            },
            closing_id: None,
            contract: Some(&entry.contract),
            contract_version: Some(entry.contract_version),
            clause: Some(&entry.clause),
            component: Some(&entry.component),
            component_id: Some(&entry.component_id),
            case_id: Some(&entry.case_id),
            patient_id: (!LedgerBook::is_pool_id(patient_id)).then_some(patient_id),
            episode_id: entry.episode_id.as_deref(),
            payer: entry.payer.as_deref(),
            payer_role: entry.payer_role.as_deref(),
            payee: entry.payee.as_deref(),
            payee_role: entry.payee_role.as_deref(),
            debit_account: entry.accounts.as_ref().map(|(debit, _)| &**debit),
            credit_account: entry.accounts.as_ref().map(|(_, credit)| &**credit),
            amount_minor: entry.amount.0,
            currency: &entry.currency,
            triggered_at: Some(entry.triggered_at.0),
            service_period: Some(&service),
            booking_period: Some(&booking),
            reason: entry.reason.as_deref(),
            reverses: entry.reverses.as_deref(),
            evidence,
            said: entry.said.iter().map(String::as_str).collect(),
            stored_at: entry.stored_at.0,
            organisation: who.organisation,
            care_team: who.care_team,
            clinician_id: who.clinician_id,
            manufacturer: who.manufacturer,
            procedure: who.procedure,
            source: entry.source.as_str(),
        })
    }

    /// The answer to a closing: what this task wrote before it belongs to the closed month. Or to a settlement, with the
    /// measures by which it reckons from here on.
    fn marker<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        closing_id: &str,
        measures: &[(String, String)],
        tick: Instant,
    ) -> Result<(), TaskError> {
        let entry_id = format!("{closing_id}/{}", self.partition);
        let evidence = measures.iter().map(|(name, value)| wire::LedgerEvidence {
            name,
            value,
            unit: "1",
            record_id: None,
            record_revision: None,
        });
        let evidence: Vec<_> = evidence.collect();
        self.row(log, counted, LEDGER, closing_id, |version| wire::LedgerEntry {
            version,
            entry_id: &entry_id,
            kind: wire::LedgerKind::Marker,
            closing_id: Some(closing_id),
            contract: None,
            contract_version: None,
            clause: None,
            component: None,
            component_id: None,
            case_id: None,
            patient_id: None,
            episode_id: None,
            payer: None,
            payer_role: None,
            payee: None,
            payee_role: None,
            debit_account: None,
            credit_account: None,
            amount_minor: 0,
            currency: "",
            triggered_at: None,
            service_period: None,
            booking_period: None,
            reason: None,
            reverses: None,
            evidence,
            said: Vec::new(),
            stored_at: tick.0,
            organisation: None,
            care_team: None,
            clinician_id: None,
            manufacturer: None,
            procedure: None,
            source: "live",
        })
    }
}
