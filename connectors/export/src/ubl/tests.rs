use jiff::civil::date;

use super::*;

fn bill() -> Bill {
    let item = |name: &str, quantity, price| Item {
        name: name.to_owned(),
        description: "warranty-eu, 2026-01".to_owned(),
        quantity,
        price,
    };
    Bill {
        number: "AC-2026-01-maker-e-EUR".to_owned(),
        issued: date(2026, 2, 6),
        due: Some(date(2026, 3, 8)),
        period: (date(2026, 1, 1), date(2026, 1, 31)),
        note: "Follow-up <of patients> & more".to_owned(),
        currency: "EUR".to_owned(),
        places: 2,
        buyer_reference: Some("PO-77".to_owned()),
        seller: Party {
            name: "Follow-up Example Ltd.".to_owned(),
            street: "12 Canal Street".to_owned(),
            city: "Dublin".to_owned(),
            postcode: "D01".to_owned(),
            country: "IE".to_owned(),
            vat_id: Some("IE1234567T".to_owned()),
            registration: Some("123456".to_owned()),
            endpoint: Some(("9935".to_owned(), "IE1234567T".to_owned())),
        },
        buyer: Party {
            name: "Maker E Medical GmbH".to_owned(),
            street: "Beispielstraße 7".to_owned(),
            city: "Berlin".to_owned(),
            postcode: "10115".to_owned(),
            country: "DE".to_owned(),
            vat_id: Some("DE123456789".to_owned()),
            ..Party::default()
        },
        payment: Some(Payment {
            account: "IE29AIBK93115212345678".to_owned(),
            bank: Some("AIBKIE2D".to_owned()),
        }),
        vat: Vat {
            category: "E".to_owned(),
            percent_hundredths: 0,
            reason: Some("Exempt: medical care".to_owned()),
            reason_code: Some("VATEX-EU-132-1C".to_owned()),
        },
        items: vec![item("fee", 13, 6_400), item("adjustment", 2, 1_280), item("fee", -1, 6_400)],
    }
}

/// Those that are checked, by name.
fn documents() -> [(&'static str, Bill); 3] {
    let taxed = Vat { category: "S".to_owned(), percent_hundredths: 1_900, reason: None, reason_code: None };
    let credit = Bill {
        items: bill().items.into_iter().map(|item| Item { quantity: -item.quantity, ..item }).collect(),
        ..bill()
    };
    [("invoice", bill()), ("taxed", Bill { vat: taxed, ..bill() }), ("credit-note", credit)]
}

fn text(bill: &Bill) -> String {
    String::from_utf8(xml(bill).unwrap()).unwrap()
}

fn amounts(xml: &str, element: &str) -> Vec<String> {
    let tag = format!("<cbc:{element} currencyID=\"EUR\">");
    let parts = xml.split(&tag).skip(1);
    parts.map(|part| part.split_once('<').unwrap().0.to_owned()).collect()
}

#[test]
fn totals_follow_from_the_lines() {
    // 13 x 64.00 + 2 x 12.80 - 64.00 = 793.60; 19 % of it is 150.784
    let [(_, exempt), (_, taxed), (_, credit)] = documents();
    assert_eq!(amounts(&text(&exempt), "LineExtensionAmount"), ["793.60", "832.00", "25.60", "-64.00"]);
    assert_eq!(amounts(&text(&exempt), "PayableAmount"), ["793.60"]);
    assert_eq!(amounts(&text(&taxed), "TaxAmount"), ["150.78", "150.78"]);
    assert_eq!(amounts(&text(&taxed), "PayableAmount"), ["944.38"]);
    // what is owed to the buyer is a credit note, with its signs turned; prices never are negative
    let credited = text(&credit);
    assert!(is_credit_note(&credit).unwrap() && credited.contains("<CreditNote xmlns="));
    assert_eq!(amounts(&credited, "PayableAmount"), ["793.60"]);
    assert_eq!(amounts(&credited, "PriceAmount"), ["64.00", "12.80", "64.00"]);
    assert!(credited.contains("<cbc:CreditedQuantity unitCode=\"C62\">-1</cbc:CreditedQuantity>"));
}

#[test]
fn half_a_cent_of_tax_is_rounded_away_from_zero() {
    assert_eq!(
        [(50, 1_900), (-50, 1_900), (10, 1_900), (0, 1_900), (793, 0)].map(|(net, rate)| tax(net, rate)),
        [10, -10, 2, 0, 0]
    );
}

#[test]
fn text_stays_text() {
    assert!(text(&bill()).contains("<cbc:Note>Follow-up &lt;of patients&gt; &amp; more</cbc:Note>"));
    assert_eq!(escaped("a\u{1}b\n\"c\""), "ab &quot;c&quot;");
}

/// Against the schemas of OASIS, where `AFTERCARE_UBL_XSD` names the folder with `maindoc` and `common`, and `xmllint` is
/// there.
#[test]
fn documents_are_valid_ubl() {
    let folder = std::env::var_os("AFTERCARE_UBL_XSD").map(std::path::PathBuf::from);
    let shots = std::env::var_os("AFTERCARE_SHOTS").map(std::path::PathBuf::from);
    for (name, bill) in documents() {
        let bytes = xml(&bill).unwrap();
        if let Some(shots) = &shots {
            std::fs::write(shots.join(format!("{name}.xml")), &bytes).unwrap();
        }
        let Some(folder) = &folder else {
            println!("passed over: AFTERCARE_UBL_XSD names no schemas");
            continue;
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let kind = if is_credit_note(&bill).unwrap() { "CreditNote" } else { "Invoice" };
        let schema = folder.join(format!("maindoc/UBL-{kind}-2.1.xsd"));
        let mut xmllint = std::process::Command::new("xmllint");
        let out =
            xmllint.args(["--noout", "--nonet", "--schema"]).arg(schema).arg(file.path()).output().unwrap();
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
