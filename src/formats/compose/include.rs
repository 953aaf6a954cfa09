//! Projects inside a project.

use super::{
    Failure,
    load::{MOST_DEPTH, Reader, Scope},
    model::{Include, Services},
    path::{folder_of, join},
};
use crate::formats::Refusal;

const CIRCLE: &str = "this file includes itself through others";
const TOO_DEEP: &str = "more than 50 files include each other here";
const CONFLICT: &str = "a service of the included file has the name of another service";
const NO_ENV_FILE: &str = "the env file of this include does not exist";

impl Scope<'_> {
    /// Adds the services that a file includes. An included project has its own folder; its `.env`
    /// stands below the variables of this one.
    pub(super) fn include(
        &self,
        reader: &mut Reader<'_>,
        includes: &[Include],
        file: &str,
        own: &mut Services,
    ) -> Result<(), Failure> {
        let mut above = self.above.to_vec();
        above.push(file.to_owned());
        for include in includes {
            let refuse = |reason| Failure::Refused {
                path: include.place.path.clone(),
                refusal: Refusal { position: include.place.position, reason },
            };
            let Some(main) = include.paths.first() else { continue };
            if above.contains(main) {
                return Err(refuse(CIRCLE));
            }
            if above.len() > MOST_DEPTH {
                return Err(refuse(TOO_DEEP));
            }
            let folder = include.folder.as_deref().unwrap_or(folder_of(main));
            let mut paths = include.env_files.clone();
            if paths.is_empty() {
                let beside = join(folder, ".env");
                paths.extend(reader.exists(&beside).then_some(beside));
            }
            let mut env_files = Vec::with_capacity(paths.len());
            for path in paths.into_iter().filter(|path| path != "/dev/null") {
                if !reader.exists(&path) {
                    return Err(refuse(NO_ENV_FILE));
                }
                let bytes = reader.read(&path)?;
                env_files.push((path, bytes));
            }
            let from_files: usize = env_files.iter().map(|(_, bytes)| bytes.len()).sum();
            reader.spend(self.variables.total_cost() + 2 * from_files)?;
            let mut variables = self.variables.clone();
            variables.add_env_files(&env_files)?;
            let scope = Scope { folder, variables: &variables, above: &above };
            for (name, service) in scope.services(reader, &include.paths)? {
                match own.get(&name) {
                    Some(known) if *known != service => return Err(refuse(CONFLICT)),
                    Some(_) => {}
                    None => _ = own.insert(name, service),
                }
            }
        }
        Ok(())
    }
}
