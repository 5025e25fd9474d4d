//! The tables of an export: their fields, what tells rows apart, what points where.

use aftercare_export::{Field, ForeignKey, Kind, Table};

const MONTH: Field = Field::new("month", Kind::Month, "Month 账期", "Month in which it is booked").required();
const PATIENT: Field = Field::new(
    "patient",
    Kind::Text,
    "Patient 患者",
    "Pseudonym; empty after erasure and for what is about a population",
);
const CASE: Field = Field::new(
    "case",
    Kind::Text,
    "Case 案例",
    "Episode of care, purchase or population that it follows from",
);
const COMPONENT: Field = Field::new(
    "component",
    Kind::Text,
    "Component 项目",
    "What was computed and rounded once, such as fee or adjustment",
)
.required();
const SERVICE_PERIOD: Field = Field::new(
    "service_period",
    Kind::Month,
    "Service month 服务月",
    "Month in which its trigger happened, in the contract's zone",
);
const KIND: Field = Field::new(
    "kind",
    Kind::Text,
    "Kind 类别",
    "line: owed; shown: listed only, because it was paid for in advance, and part of no total",
)
.required()
.one_of(&["line", "shown"]);
const CURRENCY: Field = Field::new("currency", Kind::Text, "Currency 币种", "ISO 4217 code").required();
const REASON: Field = Field::new(
    "reason",
    Kind::Text,
    "Reason 原因",
    "Code: why it is reversed or booked after its service month",
);
const REVERSES: Field =
    Field::new("reverses", Kind::Text, "Reverses 冲销", "Entry that it takes back or replaces");
const CONTRACT: Field =
    Field::new("contract", Kind::Text, "Contract 合同", "Id of the contract document").required();
const VERSION: Field =
    Field::new("contract_version", Kind::Integer, "Version 版本", "Version of the contract that prices it");
const ENTRY: Field = Field::new(
    "entry",
    Kind::Text,
    "Entry 条目",
    "Id in the ledger; `aftercare bill explain` says how it came about",
)
.required();
const PAYEE: Field =
    Field::new("payee", Kind::Text, "Payee 收款方", "Who is owed; `patient` is the patient of the line");
const PAYEE_ROLE: Field =
    Field::new("payee_role", Kind::Text, "Payee's role 收款方角色", "As what it is owed");
const PAYER: Field =
    Field::new("payer", Kind::Text, "Payer 付款方", "Who owes; `patient` is the patient of the line");
const PAYER_ROLE: Field = Field::new("payer_role", Kind::Text, "Payer's role 付款方角色", "As what it owes");
const UPLOAD: Field =
    Field::new("upload", Kind::Text, "Upload 上传", "Answered questionnaire that it rests on");
const REVIEW: Field =
    Field::new("review", Kind::Text, "Review 审阅", "Session in which the clinician looked at the upload");

const fn party(about: &'static str) -> Field {
    Field::new("party", Kind::Text, "Party 当事方", about).required()
}

const fn role(about: &'static str) -> Field {
    Field::new("role", Kind::Text, "Role 角色", about)
}

const fn amount(name: &'static str, title: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Amount, title, about)
}

const OF_PARTY: &[&str] = &["party", "currency"];

/// Lines of payers.
pub(super) static INVOICE: Table = Table {
    name: "invoice",
    title: "Lines of invoices",
    about: "What payers other than patients owe: a row per line, by payer, patient, component",
    fields: &[
        MONTH,
        party("Who owes"),
        role(
            "As what it owes: manufacturer, public_insurance, commercial_insurance, insurer, employer, charity, payer, provider, group or pool",
        ),
        PATIENT,
        CASE,
        Field::new("device", Kind::Text, "Device 器械", "Device of the episode"),
        Field::new("slot", Kind::Integer, "Slot 期次", "Number of the follow-up since treatment"),
        UPLOAD,
        Field::new(
            "answered_on",
            Kind::Date,
            "Answered 填答日期",
            "Day of the answers, in the contract's zone",
        ),
        Field::new("index", Kind::Number, "Index 指数", "Health index, % of the patient's baseline"),
        Field::new(
            "expected",
            Kind::Number,
            "Expected 预期",
            "What the cohort leads one to expect, % of baseline",
        ),
        Field::new("ratio", Kind::Number, "Ratio 比值", "Index over expected, 1"),
        Field::new("step", Kind::Text, "Step 档", "Band of the ratio that decides the factor"),
        REVIEW,
        Field::new(
            "reviewed_on",
            Kind::Date,
            "Reviewed 审阅日期",
            "Day on which the review ended, in the contract's zone",
        ),
        COMPONENT,
        PAYEE,
        PAYEE_ROLE,
        SERVICE_PERIOD,
        Field::new("share", Kind::Number, "Share 份额", "Part of the component that the party bears, 1"),
        KIND,
        amount("amount", "Amount 金额", "What the party owes the payee; negative: a reversal or a refund")
            .required(),
        CURRENCY,
        REASON,
        REVERSES,
        CONTRACT,
        VERSION,
        ENTRY,
    ],
    key: &["entry"],
    foreign: &[ForeignKey { fields: OF_PARTY, table: "invoice-totals", of: OF_PARTY }],
    counted: Some(("kind", "line")),
};

/// Lines of payees.
pub(super) static PAYEES: Table = Table {
    name: "statement-payees",
    title: "Statements of clinicians and other payees",
    about: "What clinicians, groups, providers and others, but not patients, are owed: a row per line, by payee, patient, component",
    fields: &[
        MONTH,
        party("Who is owed"),
        role("As what it is owed: clinician, group, provider, manufacturer, insurer, payer or pool"),
        PATIENT,
        CASE,
        UPLOAD,
        REVIEW,
        COMPONENT,
        PAYER,
        PAYER_ROLE,
        SERVICE_PERIOD,
        KIND,
        amount("amount", "Amount 金额", "What the payer owes the party; negative: a reversal or a refund")
            .required(),
        CURRENCY,
        REASON,
        REVERSES,
        CONTRACT,
        VERSION,
        ENTRY,
    ],
    key: &["entry"],
    foreign: &[ForeignKey { fields: OF_PARTY, table: "statement-payees-totals", of: OF_PARTY }],
    counted: Some(("kind", "line")),
};

/// Lines of patients.
pub(super) static PATIENTS: Table = Table {
    name: "statement-patients",
    title: "Statements of patients",
    about: "What patients owe and are owed: a row per line, by patient, component. Patients whose data were erased are together under `erased`",
    fields: &[
        MONTH,
        party("Pseudonym of the patient; `erased` after erasure"),
        CASE,
        UPLOAD,
        COMPONENT,
        PAYER,
        PAYER_ROLE,
        PAYEE,
        PAYEE_ROLE,
        SERVICE_PERIOD,
        KIND,
        amount("owes", "Owes 应付", "What the patient owes the payee; negative: a reversal or a refund"),
        amount("is_owed", "Is owed 应收", "What the payer owes the patient; negative: a reversal"),
        CURRENCY,
        REASON,
        REVERSES,
        CONTRACT,
        VERSION,
        ENTRY,
    ],
    key: &["entry"],
    foreign: &[ForeignKey { fields: OF_PARTY, table: "statement-patients-totals", of: OF_PARTY }],
    counted: Some(("kind", "line")),
};

const STATE: Field = Field::new(
    "state",
    Kind::Text,
    "State 状态",
    "closed: every contract of the party has been closed for the month; draft: amounts may still change",
)
.required()
.one_of(&["closed", "draft"]);
const LINES: Field = Field::new("lines", Kind::Integer, "Lines 笔数", "Lines that are owed").required();
const SHOWN: Field =
    Field::new("shown", Kind::Integer, "Shown 仅列示", "Lines that are only shown").required();
const TOTAL_AMOUNT: Field = amount("amount", "Amount 金额", "Sum of the lines").required();
const NUMBER: Field =
    Field::new("number", Kind::Text, "Number 编号", "Number of the document of this party and currency")
        .required();

macro_rules! totals {
    ($name:ident, $of:literal, $title:literal, $about:literal) => {
        /// Sums by party and currency.
        pub(super) static $name: Table = Table {
            name: $of,
            title: $title,
            about: $about,
            fields: &[MONTH, party("Whose lines"), NUMBER, STATE, LINES, SHOWN, TOTAL_AMOUNT, CURRENCY],
            key: OF_PARTY,
            foreign: &[],
            counted: None,
        };
    };
}

totals!(INVOICE_TOTALS, "invoice-totals", "Totals of invoices", "What each payer owes, by currency");
totals!(PAYEES_TOTALS, "statement-payees-totals", "Totals of payees", "What each payee is owed, by currency");
totals!(
    PATIENTS_TOTALS,
    "statement-patients-totals",
    "Totals of patients",
    "What each patient owes, less what it is owed, by currency"
);

/// Postings, two rows each.
pub(super) static JOURNAL: Table = Table {
    name: "journal",
    title: "Journal",
    about: "Postings as double entries: two rows each, one debit and one credit of the same amount. A reversal keeps the sides and has a negative amount, so that turnovers stay true",
    fields: &[
        MONTH,
        party("In whose books"),
        Field::new("entry", Kind::Text, "Entry 条目", "Id of the posting in the ledger").required(),
        Field::new("side", Kind::Text, "Side 方向", "Which of the posting's two rows")
            .required()
            .one_of(&["debit", "credit"]),
        Field::new(
            "date",
            Kind::Date,
            "Date 日期",
            "Day of what triggered it, in the zone of the configuration",
        ),
        SERVICE_PERIOD,
        Field::new("account", Kind::Text, "Account 科目", "Account as the contract names it").required(),
        amount("debit", "Debit 借方", "Amount of a debit"),
        amount("credit", "Credit 贷方", "Amount of a credit"),
        CURRENCY,
        COMPONENT,
        PATIENT,
        CASE,
        REASON,
        REVERSES,
        CONTRACT,
        VERSION,
    ],
    key: &["entry", "side"],
    foreign: &[ForeignKey { fields: OF_CONTRACT, table: "accrual", of: OF_CONTRACT }],
    counted: None,
};

const OF_CONTRACT: &[&str] = &["party", "contract", "currency"];

/// Provisions.
pub(super) static ACCRUAL: Table = Table {
    name: "accrual",
    title: "Reserves and accruals",
    about: "What each party holds in provision under each contract: opening + accrued - released = closing",
    fields: &[
        MONTH,
        party("In whose books"),
        CONTRACT,
        CURRENCY,
        amount("opening", "Opening 期初", "Provision before the month").required(),
        amount("accrued", "Accrued 计提", "Put aside in the month").required(),
        amount(
            "released",
            "Released 转出",
            "Taken out of the provision in the month, for claims or because they lapsed",
        )
        .required(),
        amount(
            "variance",
            "Variance 差异",
            "By how much claims of the month exceed what was put aside for them",
        )
        .required(),
        amount(
            "suspended",
            "Suspended 暂缓",
            "Owed only under a condition that is not yet decided, at the end of the month",
        )
        .required(),
        amount("closing", "Closing 期末", "Provision at the end of the month").required(),
    ],
    key: OF_CONTRACT,
    foreign: &[],
    counted: None,
};

/// What China's tax platform is asked for. The headings are the platform's.
pub(super) static REQUEST: Table = Table {
    name: "einvoice-request",
    title: "Request for electronic invoices",
    about: "What the tax platform is asked to issue: a row per item of an invoice, sums of equal lines. Amounts include tax. What takes back lines of earlier months goes to an invoice of its own, in red",
    fields: &[
        Field::new(
            "发票流水号",
            Kind::Text,
            "Serial number",
            "Number of the request: that of the invoice, and R for red",
        )
        .required(),
        Field::new(
            "发票类别",
            Kind::Text,
            "Kind of invoice",
            "蓝字: an invoice; 红字: a red one, which takes back",
        )
        .required()
        .one_of(&["蓝字", "红字"]),
        Field::new("购买方名称", Kind::Text, "Buyer", "Full name").required(),
        Field::new("购买方纳税人识别号", Kind::Text, "Tax number", "Taxpayer number of the buyer").required(),
        Field::new("购买方地址", Kind::Text, "Address", "Of the buyer"),
        Field::new("购买方开户银行", Kind::Text, "Bank", "Of the buyer"),
        Field::new("购买方银行账号", Kind::Text, "Account number", "Of the buyer"),
        Field::new("项目名称", Kind::Text, "Item", "What was supplied").required(),
        Field::new("商品和服务税收编码", Kind::Text, "Tax code", "Code of the goods or service"),
        Field::new("单位", Kind::Text, "Unit", "What is counted"),
        Field::new("数量", Kind::Integer, "Quantity", "How many; negative in red").required(),
        amount("单价", "Unit price", "With tax").required(),
        amount("金额", "Amount", "Quantity times unit price, with tax").required(),
        Field::new("currency", Kind::Text, "Currency", "Always CNY").required(),
        Field::new("税率", Kind::Text, "Tax rate", "As the platform writes it").required(),
        Field::new("备注", Kind::Text, "Remark", "Month, contract and service month"),
    ],
    key: &["发票流水号", "项目名称", "单价", "备注"],
    foreign: &[],
    counted: None,
};
