//! What hosting platforms and secret managers print, and plain JSON, YAML or TOML by a pointer.
//!
//! | shape | made by |
//! | --- | --- |
//! | `vercel` | `vercel env ls --format json`, `GET /v10/projects/:id/env` |
//! | `heroku` | `heroku config --json` |
//! | `railway` | `railway variable list --json` |
//! | `netlify` | `netlify env:list --json`, `GET /accounts/:id/env` |
//! | `fly` | `fly secrets list --json` |
//! | `lambda` | `aws lambda get-function-configuration`, `get-function` |
//! | `ecs` | `aws ecs describe-task-definition`, a task definition |
//! | `ssm` | `aws ssm get-parameter`, `get-parameters`, `get-parameters-by-path` |
//! | `secrets-manager` | `aws secretsmanager get-secret-value`, `batch-get-secret-value` |
//! | `cloud-run` | `gcloud run services describe --format=json`, or `yaml` |
//! | `doppler` | `doppler secrets download --format json`, `doppler secrets --json` |
//! | `infisical` | `infisical export --format json` |
//! | `1password` | `op item get --format json` |
//! | `vault` | `vault kv get -format=json` |
//! | `azure-app-service` | `az webapp config appsettings list` |
//!
//! A shape is recognised, or named. A flat map of names and texts needs no name: it reads the same
//! whoever printed it. A new shape is one file and one line of the registry.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    domain::{reading::Occurrence, secret::SecretValue},
    formats::{
        Contents, Refusal,
        tree::{self, Node, Syntax, pointer},
    },
};

pub use fly::STAGED;

mod azure;
mod cloud_run;
mod collector;
mod containers;
mod doppler;
mod ecs;
mod fly;
mod infisical;
mod lambda;
mod map;
mod netlify;
mod one_password;
mod plain;
mod secrets_manager;
mod ssm;
mod vault;
mod vercel;

/// What a shape's reader is given.
struct Source<'a> {
    /// The whole file.
    bytes: &'a [u8],
    /// The value that has the shape.
    root: &'a Node,
}

/// The registry: one line per shape gives it its word, its name and its reader. Recognition goes
/// from top to bottom.
macro_rules! shapes {
    ($($(#[$documentation:meta])* $shape:ident = $name:literal, $reader:ident;)+) => {
        /// A shape of exports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Shape {
            $($(#[$documentation])* $shape,)+
            /// Plain JSON: a map of names and values, or what a pointer names.
            Json,
            /// Plain YAML.
            Yaml,
            /// Plain TOML.
            Toml,
        }

        impl Shape {
            /// Every shape.
            pub const ALL: &[Self] = &[$(Self::$shape,)+ Self::Json, Self::Yaml, Self::Toml];

            /// The name used in the inventory and on every screen.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$shape => $name,)+
                    Self::Json => "json",
                    Self::Yaml => "yaml",
                    Self::Toml => "toml",
                }
            }

            fn fits(self, root: &Node) -> bool {
                match self {
                    $(Self::$shape => $reader::fits(root),)+
                    Self::Json | Self::Yaml | Self::Toml => plain::fits(root),
                }
            }

            fn read(self, source: &Source<'_>, pointer: Option<&str>) -> Result<Vec<Part>, Refusal> {
                match self {
                    $(Self::$shape => $reader::read(source),)+
                    Self::Json | Self::Yaml | Self::Toml => plain::read(source, pointer),
                }
            }
        }

        /// It is none of the shapes.
        pub const UNKNOWN_SHAPE: &str = concat!("none of the shapes that are known here: ",
            $($name, ", ",)+ "or a map of names and texts; name the `shape`, or give a `pointer` to the values");
    };
}

shapes! {
    /// Vercel's environment variables.
    Vercel = "vercel", vercel;
    /// Netlify's environment variables.
    Netlify = "netlify", netlify;
    /// Fly's secrets: digests, no values.
    Fly = "fly", fly;
    /// The configuration of an AWS Lambda function.
    Lambda = "lambda", lambda;
    /// A task definition of AWS ECS.
    Ecs = "ecs", ecs;
    /// Parameters of AWS Systems Manager.
    Ssm = "ssm", ssm;
    /// A secret of AWS Secrets Manager.
    SecretsManager = "secrets-manager", secrets_manager;
    /// A service or job of Google Cloud Run.
    CloudRun = "cloud-run", cloud_run;
    /// Secrets of Doppler.
    Doppler = "doppler", doppler;
    /// Secrets of Infisical.
    Infisical = "infisical", infisical;
    /// An item of 1Password.
    OnePassword = "1password", one_password;
    /// A key-value secret of Vault, version 1 or 2.
    Vault = "vault", vault;
    /// The settings of an Azure App Service.
    AzureAppService = "azure-app-service", azure;
    /// Heroku's config vars: a map.
    Heroku = "heroku", map;
    /// Railway's variables: a map.
    Railway = "railway", map;
}

impl Shape {
    /// The shape of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|shape| shape.name() == name)
    }

    /// The syntax that the name of the shape says.
    const fn syntax(self) -> Option<Syntax> {
        match self {
            Self::Json => Some(Syntax::Json),
            Self::Yaml => Some(Syntax::Yaml),
            Self::Toml => Some(Syntax::Toml),
            _ => None,
        }
    }

    const fn plain(syntax: Syntax) -> Self {
        match syntax {
            Syntax::Json => Self::Json,
            Syntax::Yaml => Self::Yaml,
            Syntax::Toml => Self::Toml,
        }
    }

    /// It looks the same whoever made it, so it is not recognised by its looks.
    const fn is_nameless(self) -> bool {
        matches!(self, Self::Heroku | Self::Railway | Self::Json | Self::Yaml | Self::Toml)
    }
}

/// An export that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its shape, named or recognised.
    pub shape: Shape,
    /// What it holds: one part, or one for each of several containers.
    pub parts: Vec<Part>,
}

/// What an export holds for one consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The consumer's name, where there are several.
    pub name: Option<String>,
    /// The variables.
    pub contents: Contents,
    /// When the platform last changed a variable, where it says so.
    pub updated_at: BTreeMap<String, Timestamp>,
    /// The only value of an export, when it has no variable's name: it is meant whatever it is
    /// called.
    pub bare: Option<Occurrence<SecretValue>>,
    /// More variables come from a place that the export only names.
    pub elsewhere: bool,
}

const OTHER_SHAPE: &str = "this does not have the shape that the layer names";
const NO_POINTER: &str = "a pointer begins with `/` and names each level: `/data/OPENAI_API_KEY`";
const NOTHING_THERE: &str = "nothing stands where the pointer points";

/// Reads an export. Without a shape, the one it has; a pointer says where in the file it stands.
///
/// # Errors
/// Text of no known syntax, no known shape or another one than named, a pointer to nothing, and
/// whatever the platform says instead of values.
pub fn parse(shape: Option<Shape>, pointer: Option<&str>, bytes: &[u8]) -> Result<Export, Refusal> {
    let (syntax, documents) = tree::parse(bytes, shape.and_then(Shape::syntax))?;
    let root = match pointer {
        None => {
            let fits = |root: &&Node| match shape {
                Some(shape) => shape.fits(root),
                None => Shape::ALL.iter().any(|shape| shape.fits(root)),
            };
            documents.iter().find(fits).or_else(|| documents.first())
        }
        Some(pointer) if !pointer::is_pointer(pointer) => {
            return Err(Refusal { position: None, reason: NO_POINTER });
        }
        Some(pointer) => documents.iter().find_map(|root| root.point(pointer)),
    };
    let root = root.ok_or(Refusal { position: None, reason: NOTHING_THERE })?;
    let shape = match (shape, pointer) {
        (Some(shape), _) => shape,
        (None, Some(_)) => Shape::plain(syntax),
        (None, None) => {
            recognise(root, syntax).ok_or_else(|| Refusal::at(root.position, UNKNOWN_SHAPE))?
        }
    };
    let is_plain = shape.syntax().is_some();
    if !is_plain && !shape.fits(root) {
        return Err(Refusal::at(root.position, OTHER_SHAPE));
    }
    let parts = shape.read(&Source { bytes, root }, pointer)?;
    Ok(Export { shape, parts })
}

fn recognise(root: &Node, syntax: Syntax) -> Option<Shape> {
    let named = Shape::ALL.iter().copied().filter(|shape| !shape.is_nameless());
    named.chain([Shape::plain(syntax)]).find(|shape| shape.fits(root))
}

#[cfg(test)]
mod tests;
