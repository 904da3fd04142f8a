//! The text of `--help`.

use super::settings::SETTINGS;

/// Columns of the text.
const WIDTH: usize = 100;
/// Column at which explanations begin.
const INDENT: usize = 28;

/// The text.
pub fn text() -> String {
    let mut out = String::from(
        "conifer-gateway: Pinecone's REST and gRPC API in front of a database with Conifer\n\n\
         conifer-gateway [--config FILE] [--SETTING VALUE]... serves until SIGTERM\n\
         conifer-gateway --check ...        says whether the configuration holds and the database answers\n\
         conifer-gateway --version\n\n\
         A setting is taken from the command line, else from the environment (CONIFER_GATEWAY_POOL_SIZE for pool-size),\n\
         else from the file (lines of pool-size = 4), whose name can be in CONIFER_GATEWAY_CONFIG.\n\
         Times have a unit, ms, s, min or h; sizes B, kB, MB or GB.\n\n",
    );
    for setting in &SETTINGS {
        let default =
            if setting.default.is_empty() { String::new() } else { format!(" [{}]", setting.default) };
        let mut line = format!("  --{:<width$}", setting.name, width = INDENT - 4);
        for word in format!("{}{default}", setting.help).split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                out += line.trim_end();
                out += "\n";
                line = " ".repeat(INDENT);
            }
            if line.len() > INDENT {
                line += " ";
            }
            line += word;
        }
        out += line.trim_end();
        out += "\n";
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_all_and_stays_within_its_columns() {
        let text = super::text();
        for setting in &super::SETTINGS {
            assert!(text.contains(&format!("--{} ", setting.name)), "{}", setting.name);
        }
        assert!(text.lines().all(|line| line.len() <= 120));
    }
}
