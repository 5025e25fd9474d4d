//! One case: what is written, and what must come of it.

/// A record as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) topic: &'static str,
    /// Whose it is, which says where it belongs.
    pub(crate) patient: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    /// Written to the partition where it does not belong.
    pub(crate) misplaced: bool,
}

impl Sent {
    pub(crate) fn new(topic: &'static str, patient: &str, value: impl Into<Option<Vec<u8>>>) -> Self {
        let key = Some(patient.as_bytes().to_vec());
        Self {
            topic,
            patient: patient.to_owned(),
            key,
            value: value.into(),
            headers: vec![("trace", b"on".to_vec())],
            misplaced: false,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &[u8]) -> Self {
        self.headers.push((name, value.to_vec()));
        self
    }

    pub(crate) fn key(mut self, key: Option<&[u8]>) -> Self {
        self.key = key.map(<[u8]>::to_vec);
        self
    }

    pub(crate) fn misplaced(mut self) -> Self {
        self.misplaced = true;
        self
    }
}

/// How a receipt must stand.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) revision: i32,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) duplicates: u32,
    pub(crate) conflicts: u32,
}

impl Receipt {
    /// Accepted at its first revision, with one copy.
    pub(crate) fn of(id: &str) -> Self {
        let id = id.to_owned();
        Self { id, revision: 1, outcome: "accepted", reason: None, duplicates: 0, conflicts: 0 }
    }

    pub(crate) fn is(self, outcome: &'static str, reason: Option<&'static str>) -> Self {
        Self { outcome, reason, ..self }
    }

    pub(crate) fn question(&self) -> String {
        let Self { id, revision, .. } = self;
        format!(
            "SELECT outcome, reason, copies, duplicates, conflicts FROM receipts FINAL WHERE id = '{id}' AND revision = \
             {revision} FORMAT CSV"
        )
    }

    pub(crate) fn answer(&self) -> String {
        let Self { outcome, duplicates, conflicts, .. } = self;
        let reason = self.reason.map_or("\\N".to_owned(), |reason| format!("\"{reason}\""));
        format!("\"{outcome}\",{reason},{},{duplicates},{conflicts}", 1 + duplicates + conflicts)
    }
}

/// What is done, and all that comes of it.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) sent: Vec<Sent>,
    /// The tick that is written then, ms since 1970 UTC.
    pub(crate) tick: Option<i64>,
    pub(crate) receipts: Vec<Receipt>,
    /// (stage, reason)
    pub(crate) letters: Vec<(&'static str, &'static str)>,
    /// (upload, its PHQ-2 as CSV)
    pub(crate) scores: Vec<(String, &'static str)>,
    /// By how much metrics grow.
    pub(crate) metrics: Vec<(String, u64)>,
}

pub(crate) fn case(name: &'static str) -> Case {
    Case { name, ..Case::default() }
}

impl Case {
    pub(crate) fn sends(mut self, sent: Sent) -> Self {
        let metric = format!("aftercare_records_total{{topic=\"{}\"}}", sent.topic);
        // Ticks are not counted as input.
        if sent.topic != "control" {
            self.metrics.push((metric, 1));
        }
        self.sent.push(sent);
        self
    }

    /// What was sent is taken once more, where it belongs.
    pub(crate) fn forwarded(mut self) -> Self {
        self.metrics.push(("aftercare_forwarded_records_total".into(), 1));
        self.metrics.extend(self.metrics.first().cloned());
        self
    }

    pub(crate) fn at_tick(mut self, at: i64) -> Self {
        self.tick = Some(at);
        self
    }

    /// A record is judged.
    pub(crate) fn judged(mut self, verdict: &str) -> Self {
        self.metrics.push((format!("aftercare_receipts_total{{outcome=\"{verdict}\"}}"), 1));
        self
    }

    pub(crate) fn receipt(mut self, receipt: Receipt) -> Self {
        self.receipts.push(receipt);
        self
    }

    pub(crate) fn letter(mut self, stage: &'static str, reason: &'static str) -> Self {
        self.metrics.push((format!("aftercare_dead_letters_total{{reason=\"{reason}\"}}"), 1));
        self.letters.push((stage, reason));
        self
    }

    /// No receipt, a dead letter.
    pub(crate) fn undecodable(self, reason: &'static str) -> Self {
        self.letter("DESERIALIZE", reason)
    }

    /// A receipt and a dead letter.
    pub(crate) fn rejected(self, id: &str, reason: &'static str) -> Self {
        let receipt = Receipt::of(id).is("rejected", Some(reason));
        self.judged("rejected").receipt(receipt).letter("VALIDATE", reason)
    }

    pub(crate) fn accepted(self, id: &str) -> Self {
        self.judged("accepted").receipt(Receipt::of(id))
    }

    pub(crate) fn held(self, id: &str) -> Self {
        self.judged("held").receipt(Receipt::of(id).is("held", None))
    }

    pub(crate) fn given_up(self, id: &str, reason: &'static str) -> Self {
        let receipt = Receipt::of(id).is("rejected", Some(reason));
        self.judged("rejected").receipt(receipt).letter("HOLD", reason)
    }

    pub(crate) fn scored(mut self, upload: &str, answer: &'static str) -> Self {
        self.scores.push((upload.to_owned(), answer));
        self
    }

    pub(crate) fn readings(mut self, outcome: &str, reason: &str, n: u64) -> Self {
        let metric = format!("aftercare_readings_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}");
        self.metrics.push((metric, n));
        self
    }
}
