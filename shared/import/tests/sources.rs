//! Files in the shape of each source, as its documentation describes the columns.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use tessera_domain::money::Currency;
use tessera_import::{
    CodePage, Confidence, Field, ImportKind, ImportMode, ImportPlan, ImportRow, ImportSource, MemberRow, PlanRequest,
    RowContext, RowFault, decode,
};

fn request(kind: ImportKind, source: ImportSource) -> PlanRequest {
    PlanRequest {
        kind,
        source,
        mode: ImportMode::Add,
        mapping: BTreeMap::new(),
        id_prefix: None,
        points_per_unit: None,
        dates: None,
        code_page: CodePage::default(),
    }
}

type Rows = Vec<Result<ImportRow, Vec<RowFault>>>;

fn read(request: &PlanRequest, bytes: &[u8]) -> (ImportPlan, Rows) {
    let text = decode(bytes, request.code_page).unwrap();
    let plan = ImportPlan::find(request, &text).unwrap();
    let zone = TimeZone::get("Europe/Rome").unwrap();
    let context = RowContext { currency: Currency::from_code("EUR").unwrap(), zone: &zone };
    let rows = plan.rows(&text, true, &context).collect();
    (plan, rows)
}

fn members(source: ImportSource, bytes: &[u8]) -> Vec<MemberRow> {
    let rows = read(&request(ImportKind::Members, source), bytes).1.into_iter();
    rows.map(|row| match row.unwrap() {
        ImportRow::Member(row) => *row,
        other => panic!("{other:?}"),
    })
    .collect()
}

fn faults(row: &Result<ImportRow, Vec<RowFault>>) -> Vec<(&str, &str)> {
    let faults = row.as_ref().unwrap_err().iter();
    faults.map(|fault| (fault.column.as_deref().unwrap_or(""), fault.reason.as_str())).collect()
}

fn email(row: &MemberRow) -> &str {
    row.enrollment.reference.email.as_ref().unwrap().as_str()
}

#[test]
fn smile() {
    let rows =
        members(ImportSource::Smile, "\u{feff}email,points\r\nada@example.com,100\r\nbob@example.com,0\r\n".as_bytes());
    assert_eq!(
        rows.iter().map(|row| (email(row), row.points)).collect::<Vec<_>>(),
        [("ada@example.com", Some(100)), ("bob@example.com", Some(0))]
    );
}

#[test]
fn yotpo() {
    let file = "Email,Full Name,Points Balance,Points Spent,Birthday\n\
                ada@example.com,Ada Byron King,120,30,12/10/1815\n\
                bob@example.com,Bob,5,0,03/04\n\
                cio@example.com,Cio San,7,0,03/04/1990\n";
    let (plan, rows) = read(&request(ImportKind::Members, ImportSource::Yotpo), file.as_bytes());
    assert_eq!(faults(&rows[0])[0].0, "Birthday");
    let details: Vec<String> = rows[1..].iter().map(|row| format!("{:?}", row.as_ref().unwrap())).collect();
    assert!(details[0].contains("month: 3, day: 4") && details[1].contains("1990"), "{details:?}");
    let zone = TimeZone::UTC;
    let context = RowContext { currency: Currency::from_code("EUR").unwrap(), zone: &zone };
    let preview = plan.preview(file, &context);
    let confidence: Vec<_> = preview.mapping.iter().map(|column| (column.field, column.confidence)).collect();
    assert_eq!(
        confidence,
        [
            (Some(Field::Email), Some(Confidence::High)),
            (Some(Field::FullName), Some(Confidence::High)),
            (Some(Field::Points), Some(Confidence::High)),
            (None, None),
            (Some(Field::BirthDate), Some(Confidence::High)),
        ]
    );
    assert_eq!(preview.rows.len(), 3);
    assert_eq!(preview.rows[0].errors.len(), 1);

    let newer = members(ImportSource::Yotpo, b"Emails,Points\nada@example.com,9\n");
    assert_eq!((email(&newer[0]), newer[0].points), ("ada@example.com", Some(9)));
}

#[test]
fn loyaltylion_has_columns_by_place_and_may_have_no_header() {
    for file in ["Customer,Value\nada@example.com,-20\n", "ada@example.com,-20\n"] {
        let rows = members(ImportSource::LoyaltyLion, file.as_bytes());
        assert_eq!((email(&rows[0]), rows[0].points), ("ada@example.com", Some(-20)), "{file}");
    }
}

#[test]
fn wix_is_mapped_from_any_header() {
    let file = "Contatto;Quanto ha;Note\nada@example.com;50;ciao\nbob@example.com;7;\n";
    let (plan, rows) = read(&request(ImportKind::Members, ImportSource::Wix), file.as_bytes());
    assert!(plan.missing().is_empty());
    assert!(rows.iter().all(Result::is_ok));
    let rows = members(ImportSource::Wix, file.as_bytes());
    assert_eq!(rows[0].points, Some(50));
}

#[test]
fn ambiguous_numbers_are_refused_and_the_other_rows_are_not() {
    let file = b"email;punti\nada@example.com;1.234\nbob@example.com;12\ncio@example.com;1.234,00\n";
    let rows = read(&request(ImportKind::Members, ImportSource::Generic), file).1;
    let [(column, reason)] = faults(&rows[0])[..] else { panic!("{rows:?}") };
    assert_eq!(column, "punti");
    assert!(reason.contains("ambiguous"), "{reason}");
    assert!(rows[1].is_ok() && rows[2].is_ok());
}

#[test]
fn formulas_are_stored_as_given() {
    let file = b"email,name,points\nx@example.com,\"=HYPERLINK(\"\"http://x\"\")\",10\ny@example.com,@SUM(1),-50\n";
    let rows = members(ImportSource::Generic, file);
    assert_eq!(rows.iter().map(|row| row.points).collect::<Vec<_>>(), [Some(10), Some(-50)]);
    assert!(format!("{:?}", rows[0].enrollment.details).contains("=HYPERLINK(\\\"http://x\\\")"));
}

#[test]
fn addresses_that_differ_by_case_and_spaces_are_one() {
    let rows = members(ImportSource::Generic, b"email,points\nAda@Example.com,100\n\"ada@example.com \",50\n");
    assert_eq!(email(&rows[0]), email(&rows[1]));
}

#[test]
fn bad_rows_name_their_column() {
    let wide = "x,".repeat(200);
    let file = format!(
        "email,points,birthday\nnot an address,10,\nada@example.com,ten,03/04/1990\n{wide}\n,5,\na\0@x.it,1,\nbob@example.com\n"
    );
    let rows = read(&request(ImportKind::Members, ImportSource::Generic), file.as_bytes()).1;
    assert_eq!(faults(&rows[0])[0].0, "email");
    assert_eq!(faults(&rows[1]).iter().map(|fault| fault.0).collect::<Vec<_>>(), ["birthday", "points"]);
    assert_eq!(faults(&rows[2]), [("", "has 201 columns; the header has 3")]);
    assert_eq!(faults(&rows[3])[0].0, "");
    assert!(faults(&rows[4])[0].1.contains("NUL"));
    assert!(rows[5].is_ok(), "missing cells at the end are empty: {:?}", rows[5]);
}

#[test]
fn dates_follow_the_order_that_the_column_reveals() {
    let file = b"email,tier,until\na@x.it,Gold,03/04/2026\nb@x.it,Gold,31/12/2026\n";
    let rows = read(&request(ImportKind::Tiers, ImportSource::Generic), file).1;
    let ImportRow::Tier(row) = rows[0].as_ref().unwrap() else { panic!() };
    assert_eq!(row.until.unwrap().to_string(), "2026-04-03");
    let mixed = b"email,tier,until\na@x.it,Gold,12/31/2026\nb@x.it,Gold,31/12/2026\nc@x.it,Gold,03/04/2026\n";
    let rows = read(&request(ImportKind::Tiers, ImportSource::Generic), mixed).1;
    assert!(rows[0].is_ok() && rows[1].is_ok());
    assert!(faults(&rows[2])[0].1.contains("ambiguous"));
}

#[test]
fn a_missing_column_is_named_before_the_start() {
    let plan = ImportPlan::find(&request(ImportKind::Coupons, ImportSource::Generic), "email,code\n").unwrap();
    assert_eq!(plan.missing(), ["reward"]);
    let mut given = request(ImportKind::Members, ImportSource::Generic);
    given.mapping.insert(Field::Points, "saldo attuale".to_owned());
    assert!(ImportPlan::find(&given, "email,points\n").is_err());
    let plan = ImportPlan::find(&given, "email,points,Saldo attuale\n").unwrap();
    let zone = TimeZone::UTC;
    let context = RowContext { currency: Currency::from_code("EUR").unwrap(), zone: &zone };
    let mapped = plan.preview("email,points,Saldo attuale\n", &context).mapping;
    assert_eq!(mapped[2].field, Some(Field::Points));
    assert_eq!(mapped[1].field, None);
}

#[test]
fn lines_of_an_order_are_one_receipt() {
    let file = "Order ID,Email,Created at,Subtotal,Lineitem quantity,Lineitem name,Lineitem price\n\
                #1001,ada@example.com,2026-03-01 10:15:00 +0100,45.00,2,Tea,20.00\n\
                #1001,ada@example.com,2026-03-01 10:15:00 +0100,45.00,1,Cup,10.00\n\
                #1002,bob@example.com,2026-03-02 10:15:00 +0100,12.00,1,Tea,12.00\n";
    let rows = read(&request(ImportKind::Orders, ImportSource::Generic), file.as_bytes()).1;
    let mut orders = rows.into_iter().map(|row| match row.unwrap() {
        ImportRow::Order(order) => order,
        other => panic!("{other:?}"),
    });
    let (mut first, second, third) = (orders.next().unwrap(), orders.next().unwrap(), orders.next().unwrap());
    first.absorb(second).unwrap();
    assert!(first.absorb(third).is_err());
    let receipt = first.receipt(Currency::from_code("EUR").unwrap()).unwrap();
    assert_eq!((receipt.total, receipt.discount, receipt.lines.len()), (4500, 500, 2));
    assert_eq!(receipt.occurred_at.to_string(), "2026-03-01T09:15:00Z");
}

#[test]
fn the_money_spent_in_all() {
    let mut spend = request(ImportKind::Orders, ImportSource::Generic);
    spend.points_per_unit = Some("1".parse().unwrap());
    let rows = read(&spend, b"email,total spent\na@x.it,$100.00\nb@x.it,1.234\nc@x.it,-5\n").1;
    assert!(matches!(rows[0].as_ref().unwrap(), ImportRow::Spend(row) if row.amount == "100".parse().unwrap()));
    assert!(faults(&rows[1])[0].1.contains("ambiguous"));
    assert!(faults(&rows[2])[0].1.contains("negative"));
}

#[test]
fn two_sources_stay_apart_by_their_prefix() {
    let mut prefixed = request(ImportKind::Orders, ImportSource::Generic);
    prefixed.id_prefix = Some("old-".to_owned());
    let rows = read(&prefixed, b"customer id,order,date,total\n7,9,2026-03-01,10\n").1;
    let ImportRow::Order(order) = rows[0].as_ref().unwrap() else { panic!() };
    assert_eq!(order.id, "old-9");
    assert_eq!(order.reference.id.as_ref().unwrap().as_str(), "old-7");
}

#[test]
fn no_bytes_panic() {
    let mut random = 7_u64;
    for _ in 0..500 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b"a@x.it,;\n\"\t0123./-\xc3\xa9\0=+"[(random >> 33) as usize % 23]
            })
            .collect();
        for (_, kind) in ImportKind::ALL {
            let plan_request = request(kind, ImportSource::Wix);
            let Ok(text) = decode(&bytes, CodePage::Windows1250) else { continue };
            let Ok(plan) = ImportPlan::find(&plan_request, &text) else { continue };
            let zone = TimeZone::UTC;
            let context = RowContext { currency: Currency::from_code("EUR").unwrap(), zone: &zone };
            plan.preview(&text, &context);
            assert_eq!(plan.rows(&text, true, &context).count() as u64, plan.count(&text, true));
        }
    }
}

#[test]
fn a_field_has_one_name_in_previews_and_in_mappings() {
    for field in Field::ALL {
        assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        assert_eq!(Field::from_name(field.name()), Some(*field));
    }
    // Plans that earlier versions stored.
    for (stored, field) in
        [("full_name", Field::FullName), ("qualifying", Field::Qualifying), ("occurred_at", Field::OccurredAt)]
    {
        assert_eq!(serde_json::from_value::<Field>(serde_json::json!(stored)).unwrap(), field);
    }
}

#[test]
fn a_field_with_an_empty_header_is_left_out() {
    let text = "Email,Birthday,Points Balance\nada@example.com,12/10,5\n";
    let mut given = request(ImportKind::Members, ImportSource::Yotpo);
    for field in [Field::BirthDate, Field::Points] {
        given.mapping.insert(field, String::new());
    }
    let (plan, rows) = read(&given, text.as_bytes());
    let context = RowContext { currency: Currency::from_code("EUR").unwrap(), zone: &TimeZone::UTC };
    let fields: Vec<_> = plan.preview(text, &context).mapping.iter().map(|column| column.field).collect();
    assert_eq!(fields, [Some(Field::Email), None, None]);
    assert!(rows.iter().all(Result::is_ok));
}
