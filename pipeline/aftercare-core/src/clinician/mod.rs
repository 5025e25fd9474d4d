//! The sessions of one clinician, and which of them are service.
//!
//! A closed session is judged by the review rule that is valid at its end, and by how many patients the clinician
//! turned to within minutes of it; at the first tick after those minutes, so that a burst is found as a whole and not
//! patient by patient. A session that arrives later may still make a burst of those before it, so that their verdicts
//! are revised. The final verdicts depend on the sessions alone, in whatever order they came.

mod judge;
mod review;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use judge::Judgement;
pub use review::{Review, ReviewBook};
pub use session::Session;

use crate::documents::Library;
use crate::facts::{RecordHead, Source};
use crate::patient::{ReceiptChange, Verdict};
use crate::reason::Reason;
use crate::time::{Instant, Millis};
use judge::{Start, burst_patients};

pub use crate::facts::SessionFact;

/// Number of a session among those of its clinician, from 1.
pub type SessionNo = u32;

/// The sessions of one clinician.
///
/// The sessions are kept and found again one by one: [`ClinicianBook::session`], [`ClinicianBook::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClinicianBook {
    newest_began_at: Instant,
    sessions: BTreeMap<SessionNo, Session>,
    by_id: BTreeMap<Box<str>, SessionNo>,
    /// By the start that counts.
    by_start: BTreeSet<(Instant, SessionNo)>,
    /// Those around which others are to be judged anew, by when.
    due: BTreeSet<(Instant, SessionNo)>,
}

impl Default for ClinicianBook {
    fn default() -> ClinicianBook {
        ClinicianBook {
            newest_began_at: Instant::MIN,
            sessions: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_start: BTreeSet::new(),
            due: BTreeSet::new(),
        }
    }
}

/// What is to become of an offered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is taken.
    Take,
    /// The caller holds it: its time lies ahead of the tick.
    Hold,
    /// The caller's wait is over; it is rejected for this reason.
    GiveUp(Reason),
}

/// What a book is told with a record.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The tick.
    pub stored_at: Instant,
    /// Where the review rules are.
    pub library: &'a Library,
    /// A session that began longer than this before the newest one is not taken any more, and forgotten.
    pub remembered: Millis,
}

/// A receipt of a session's record, for the patient whose record was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReceipt {
    /// Whose record was opened.
    pub patient_id: Arc<str>,
    /// The receipt. Its attribution is empty: who the episode belongs to is known to the patient's task.
    pub receipt: ReceiptChange,
}

/// A verdict to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictChange {
    /// The session.
    pub id: Arc<str>,
    /// Counts the verdicts of this session from 1.
    pub revision: i32,
    /// It takes back what was issued: the session is withdrawn, open again, or was in another patient's record.
    pub withdrawn: bool,
    /// Where the session came from.
    pub source: Source,
    /// Whose record was opened.
    pub patient_id: Arc<str>,
    /// Begin of the session.
    pub began_at: Instant,
    /// End of the session.
    pub ended_at: Instant,
    /// Revision of the session that was judged.
    pub session_revision: i32,
    /// The episode that was looked at.
    pub episode_id: Option<Arc<str>>,
    /// The upload that was opened.
    pub upload_id: Option<Arc<str>>,
    /// Taps, scrolls and entries.
    pub interactions: i32,
    /// Distinct sections read.
    pub sections_read: i32,
    /// What was found.
    pub judgement: Judgement,
    /// Document and version of the rule that judged.
    pub rule: Arc<str>,
}

/// What a record changed. One of these serves many books, one after the other.
#[derive(Clone, Debug, Default)]
pub struct SessionChanges {
    /// Receipts that differ from what was last issued.
    pub receipts: Vec<SessionReceipt>,
    /// Verdicts that differ from what was last issued, by begin and number of their sessions. Before a verdict for
    /// another patient than the last comes the one that takes the last back.
    pub verdicts: Vec<VerdictChange>,
    /// Sessions that changed, each with what it was before; `None`: there was none.
    pub before: Vec<(SessionNo, Option<Session>)>,
}

impl SessionChanges {
    /// Forgets all, keeps the room.
    pub fn clear(&mut self) {
        self.receipts.clear();
        self.verdicts.clear();
        self.before.clear();
    }
}

impl ClinicianBook {
    /// Offers a record, and adds to `out` what it changed. Every record has a receipt, except where the answer is
    /// `None`: the session began too long ago, who knows whether it was here before.
    ///
    /// - The highest taken revision of an id is in force; a lower one is superseded, whichever came first.
    /// - The same revision again is a duplicate where the digest is equal, else a conflict: counted, not applied.
    /// - A rejected record is taken anew whenever its (id, revision) comes again, and counted as a duplicate.
    /// - With `head.retry`, a held record is taken anew, and not counted again.
    pub fn offer(
        &mut self,
        head: &RecordHead<'_>,
        fact: &SessionFact<'_>,
        offer: Offer,
        terms: &Terms<'_>,
        out: &mut SessionChanges,
    ) -> Option<Verdict> {
        if !head.retry && head.event_at < self.newest_began_at.saturating_sub(terms.remembered) {
            return None;
        }
        let known = self.by_id.get(head.id).copied();
        let no = known.unwrap_or_else(|| self.next_no());
        let before = self.sessions.get(&no).cloned();
        let mut session = before.clone().unwrap_or_else(|| Session::new(head.id));
        let (verdict, receipts) = session.offer(head, fact, offer, terms.stored_at);
        out.receipts.extend(receipts);
        if verdict == Verdict::Accepted {
            let starts = [before.as_ref(), Some(&session)].map(|session| session?.start());
            session.judge_around(starts.into_iter().flatten().chain([head.event_at]), terms.library);
            self.newest_began_at = self.newest_began_at.max(head.event_at);
        }
        out.before.push((no, before));
        self.put(no, Some(session));
        self.forget(terms, out);
        Some(verdict)
    }

    /// When sessions are to be judged next.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Judges what is due at the tick, and adds the verdicts to `out` that differ from those issued last. A session
    /// that ends when no rule is valid has none. While no rule is known at all nothing is judged, and it stays due.
    pub fn judge(&mut self, tick: Instant, library: &Library, out: &mut SessionChanges) {
        let reach = library.burst_length_max();
        if reach == Millis(0) {
            return;
        }
        let mut around: BTreeSet<(Instant, SessionNo)> = BTreeSet::new();
        while let Some((_, no)) = self.due.first().copied().filter(|(due, _)| *due <= tick) {
            let Some(mut session) = self.sessions.get(&no).cloned() else { break };
            out.before.push((no, Some(session.clone())));
            around.insert((session.orders_at(), no));
            for start in session.take_judge_around() {
                around.extend(self.between(start, reach));
            }
            self.put(no, Some(session));
        }
        // what is not over yet is due at its own time
        around.retain(|(_, no)| self.sessions.get(no).is_some_and(|session| session.due().is_none()));
        for (_, no) in around {
            let Some(session) = self.sessions.get(&no) else { continue };
            let mut judged = session.clone();
            self.judge_one(&mut judged, library, &mut out.verdicts);
            if judged != *session {
                out.before.push((no, Some(session.clone())));
                self.sessions.insert(no, judged);
            }
        }
    }

    /// The session of this number.
    pub fn session(&self, no: SessionNo) -> Option<&Session> {
        self.sessions.get(&no)
    }

    /// The first session at or after this number.
    pub fn next(&self, from: SessionNo) -> Option<SessionNo> {
        self.sessions.range(from..).next().map(|(no, _)| *no)
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether no session is remembered.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// When the newest session began that was ever taken.
    pub fn newest_began_at(&self) -> Instant {
        self.newest_began_at
    }

    /// Sets [`ClinicianBook::newest_began_at`], as it was kept.
    pub fn set_newest_began_at(&mut self, at: Instant) {
        self.newest_began_at = at;
    }

    /// Puts (`Some`) or removes (`None`) a session, as it was kept.
    pub fn put(&mut self, no: SessionNo, session: Option<Session>) {
        if let Some(before) = self.sessions.remove(&no) {
            self.by_id.remove(&*before.id);
            self.by_start.remove(&(before.orders_at(), no));
            before.due().map(|due| self.due.remove(&(due, no)));
        }
        if let Some(session) = session {
            self.by_id.insert(session.id.clone(), no);
            self.by_start.insert((session.orders_at(), no));
            self.due.extend(session.due().map(|due| (due, no)));
            self.sessions.insert(no, session);
        }
    }

    fn next_no(&self) -> SessionNo {
        self.sessions.last_key_value().map_or(1, |(no, _)| no.saturating_add(1))
    }

    fn judge_one(&self, session: &mut Session, library: &Library, out: &mut Vec<VerdictChange>) {
        let Some((began_at, ended_at)) = session.span() else { return session.withdraw(out) };
        let Some(rule) = library.review_rule(ended_at) else { return };
        let starts: Vec<Start<'_>> = self
            .between(began_at, rule.burst_length)
            .filter_map(|(_, near)| self.sessions.get(&near)?.start_and_patient())
            .collect();
        let patients = burst_patients(&starts, began_at, rule.burst_length);
        session.judge(rule, patients, out);
    }

    /// Sessions that begin less than `length` before or after `at`.
    fn between(&self, at: Instant, length: Millis) -> impl Iterator<Item = (Instant, SessionNo)> {
        let from = (at.saturating_sub(length), SessionNo::MAX);
        let to = (at.saturating_add(length), SessionNo::MIN);
        self.by_start.range(from.min(to)..to).copied()
    }

    /// Forgets sessions of which every revision began so long before the newest session that no record can be taken
    /// any more which would change them or a burst that they are part of, and none that waits or is to be judged yet.
    fn forget(&mut self, terms: &Terms<'_>, out: &mut SessionChanges) {
        let reach = terms.library.burst_length_max();
        let unjudged = self.next_due().map_or(Instant::MAX, |due| due.saturating_sub(reach));
        let horizon = self.newest_began_at.saturating_sub(terms.remembered).min(unjudged);
        let horizon = horizon.saturating_sub(reach).saturating_sub(reach);
        let old = self.by_start.range(..(horizon, SessionNo::MIN)).map(|(_, no)| *no);
        let over = |session: &Session| session.due().is_none() && session.is_over(horizon);
        let old = old.filter(|no| self.sessions.get(no).is_some_and(over));
        for no in old.collect::<Vec<_>>() {
            out.before.push((no, self.sessions.get(&no).cloned()));
            self.put(no, None);
        }
    }
}
