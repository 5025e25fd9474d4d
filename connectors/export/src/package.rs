//! The description that goes with CSV files: `datapackage.json` of the Frictionless standard.

use serde_json::{Value, json};

use crate::table::{Field, Kind, Table};
use crate::{ExportError, Written};

/// A file of the package.
pub struct Resource<'r> {
    /// What its rows are.
    pub table: &'static Table,
    /// Its name beside the description.
    pub path: &'r str,
    /// What it holds.
    pub written: &'r Written,
}

/// The description of CSV files that lie beside it. `name`: lower case, digits, `-`.
///
/// # Errors
/// None that is known: the content is plain text and numbers.
pub fn data_package(name: &str, title: &str, resources: &[Resource<'_>]) -> Result<Vec<u8>, ExportError> {
    let described: Vec<&str> = resources.iter().map(|one| one.table.name).collect();
    let package = json!({
        "profile": "tabular-data-package",
        "name": name,
        "title": title,
        "resources": resources.iter().map(|one| resource(one, &described)).collect::<Vec<Value>>(),
    });
    let mut bytes = serde_json::to_vec_pretty(&package).map_err(ExportError::format("datapackage.json"))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn resource(of: &Resource<'_>, described: &[&str]) -> Value {
    let table = of.table;
    let foreign: Vec<Value> = table
        .foreign
        .iter()
        .filter(|key| described.contains(&key.table))
        .map(|key| json!({ "fields": key.fields, "reference": { "resource": key.table, "fields": key.of } }))
        .collect();
    let mut schema = json!({
        "fields": table.fields.iter().map(field).collect::<Vec<Value>>(),
        "missingValues": [""],
        "primaryKey": table.key,
    });
    if let (Some(schema), false) = (schema.as_object_mut(), foreign.is_empty()) {
        schema.insert("foreignKeys".to_owned(), Value::Array(foreign));
    }
    json!({
        "profile": "tabular-data-resource",
        "name": table.name,
        "path": of.path,
        "title": table.title,
        "description": table.about,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": { "delimiter": ",", "lineTerminator": "\n", "quoteChar": "\"", "doubleQuote": true, "header": true },
        "bytes": of.written.bytes,
        "hash": format!("sha256:{}", of.written.sha256),
        "schema": schema,
    })
}

fn field(of: &Field) -> Value {
    let kind = match of.kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Number | Kind::Amount => "number",
        Kind::Date => "date",
        Kind::Month => "yearmonth",
    };
    let mut constraints = json!({});
    if let Some(all) = constraints.as_object_mut() {
        if of.required {
            all.insert("required".to_owned(), json!(true));
        }
        if !of.one_of.is_empty() {
            all.insert("enum".to_owned(), json!(of.one_of));
        }
    }
    json!({ "name": of.name, "type": kind, "title": of.title, "description": of.about, "constraints": constraints })
}
