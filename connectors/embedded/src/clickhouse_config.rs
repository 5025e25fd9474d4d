//! What ClickHouse is told, and who may do what there.

use std::path::Path;

/// The database that the application owns.
pub const DATABASE: &str = "aftercare";
pub(crate) const USER: &str = "aftercare";
pub(crate) const READER: &str = "aftercare_reader";
pub(crate) const ANALYST: &str = "aftercare_analyst";

/// The configuration file. It is always given: without one, a `config.xml` of the current folder would be read
/// silently. A `<logger>` section would turn debug output on.
pub(crate) fn config_xml(data_dir: &Path) -> String {
    let users = data_dir.join("users.xml");
    let users = escape(&users.display().to_string());
    format!(
        "<clickhouse>\n\
         \x20 <users_config>{users}</users_config>\n\
         \x20 <timezone>UTC</timezone>\n\
         \x20 <query_log><database>system</database><table>query_log</table><engine>ENGINE = Memory</engine></query_log>\n\
         </clickhouse>\n"
    )
}

/// The users file. Passwords stand in it in the clear, so it is written for its owner only.
///
/// - `default` is whom the start-up statement runs as: no password, from this machine only, and nothing allowed but to
///   open the listeners.
/// - the application owns its database and those whose names begin the same (for tests), and reads the system tables.
/// - the reader reads these databases, within limits of time and memory, and may lower those.
/// - the analyst reads the views that begin with `analyst_`, within the same limits, and nothing else.
pub(crate) fn users_xml(password: &str, reader_password: &str, analyst_password: &str) -> String {
    let password = escape(password);
    let reader = reading(READER, reader_password, &format!("{DATABASE}*.*"));
    let analyst = reading(ANALYST, analyst_password, &format!("{DATABASE}.analyst_*"));
    format!(
        "<clickhouse>
  <profiles>
    <default/>
    <reader>
      <readonly>2</readonly>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage>2000000000</max_memory_usage>
      <constraints>
        <max_execution_time><changeable_in_readonly/><min>1</min><max>600</max></max_execution_time>
        <max_memory_usage><min>1</min><max>2000000000</max></max_memory_usage>
      </constraints>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
    <{USER}>
      <password>{password}</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT ALL ON {DATABASE}*.*</query>
        <query>GRANT TABLE ENGINE ON *</query>
        <query>GRANT SELECT ON system.*</query>
        <query>GRANT KILL QUERY, CREATE TEMPORARY TABLE, SYSTEM FLUSH LOGS, SYSTEM FLUSH ASYNC INSERT QUEUE ON *.*</query>
      </grants>
    </{USER}>
{reader}{analyst}  </users>
</clickhouse>
"
    )
}

/// A user that reads what `what` names.
fn reading(name: &str, password: &str, what: &str) -> String {
    format!(
        "    <{name}>
      <password>{}</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT ON {what}</query></grants>
    </{name}>
",
        escape(password)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
