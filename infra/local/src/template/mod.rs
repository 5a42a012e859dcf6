//! `template.yaml`: read whole, its parameters filled in, its functions worked out. What it says and is not understood
//! is an error that names the place.

mod node;
mod parameters;
mod scope;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_norway::Value as Yaml;

pub(crate) use node::Node;
pub(crate) use parameters::Parameters;
pub(crate) use scope::{Attributes, STACK, Scope, scalar_text};

/// Why a template cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or it cannot be read.
    #[error("no template at {}: run this in the workspace, or say where it is with --template", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not YAML.
    #[error("{} is not YAML", path.display())]
    Yaml {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_norway::Error,
    },
    /// Something in it is not understood.
    #[error("{place}: {problem}")]
    At {
        /// Where in the template.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// It refers to a resource that does not exist yet: it may later.
    #[error("{place} needs {resource}, which cannot be created before it")]
    NotYet {
        /// Where in the template.
        place: String,
        /// The resource that is needed.
        resource: String,
    },
}

impl Error {
    pub(crate) fn at(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::At { place: place.into(), problem: problem.into() }
    }
}

/// One entry under `Resources`.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) condition: Option<String>,
    pub(crate) metadata: Node,
    pub(crate) properties: Node,
}

/// The whole file.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) parameters: Node,
    pub(crate) mappings: Node,
    pub(crate) conditions: BTreeMap<String, Node>,
    pub(crate) resources: Vec<Resource>,
}

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// What a resource may say besides its properties.
const RESOURCE_FIELDS: [&str; 7] =
    ["Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"];

impl Template {
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Missing { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|error| match error {
            ParseError::Yaml(source) => Error::Yaml { path: path.to_owned(), source },
            ParseError::Template(error) => error,
        })
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let yaml: Yaml = serde_norway::from_str(text).map_err(ParseError::Yaml)?;
        let root = Node::read(yaml, "template").map_err(ParseError::Template)?;
        Self::from_root(&root).map_err(ParseError::Template)
    }

    fn from_root(root: &Node) -> Result<Self, Error> {
        if let Some((unknown, _)) = root.fields().iter().find(|(name, _)| !SECTIONS.contains(&name.as_str())) {
            return Err(Error::at(unknown, "the local cloud does not know this section"));
        }
        let empty = Node::Map(Vec::new());
        let section = |name: &str| root.get(name).cloned().unwrap_or_else(|| empty.clone());
        let globals = section("Globals");
        if let Some((unknown, _)) = globals.fields().iter().find(|(name, _)| name != "Function") {
            return Err(Error::at(format!("Globals.{unknown}"), "the local cloud knows only Globals.Function"));
        }
        let mut resources = Vec::new();
        for (id, node) in section("Resources").fields() {
            resources.push(Resource::read(id, node, globals.get("Function"))?);
        }
        Ok(Self {
            parameters: section("Parameters"),
            mappings: section("Mappings"),
            conditions: section("Conditions").fields().iter().cloned().collect(),
            resources,
        })
    }
}

impl Resource {
    fn read(id: &str, node: &Node, global_function: Option<&Node>) -> Result<Self, Error> {
        let kind = node.get("Type").and_then(Node::text).ok_or_else(|| Error::at(id, "the resource has no Type"))?;
        if let Some((unknown, _)) = node.fields().iter().find(|(name, _)| !RESOURCE_FIELDS.contains(&name.as_str())) {
            return Err(Error::at(id, format!("the local cloud does not know {unknown} of a resource")));
        }
        let mut properties = node.get("Properties").cloned().unwrap_or_else(|| Node::Map(Vec::new()));
        if let (super::deploy::FUNCTION, Some(global)) = (kind, global_function) {
            properties = properties.under(global);
        }
        Ok(Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            condition: node.get("Condition").and_then(Node::text).map(str::to_owned),
            metadata: node.get("Metadata").cloned().unwrap_or_else(|| Node::Map(Vec::new())),
            properties,
        })
    }
}

#[derive(Debug)]
enum ParseError {
    Yaml(serde_norway::Error),
    Template(Error),
}
