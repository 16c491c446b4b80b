//! Components made by hand: a core module in text form around the functions that a test is about,
//! with everything else as plain as it can be.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Memory that stays zero: as a result it reads `ok` with empty or absent parts.
pub const ZEROS: u32 = 4096;
/// Where a test's own result is put together.
pub const RESULT: u32 = 8192;
/// In the result of `next`, where the pointer of `state` stands; its length follows. Before it come the
/// discriminant (4 bytes), `records` (12), `next` (68) and `ended` (32).
pub const STATE: u32 = RESULT + 116;
/// Where a test's own data begins.
pub const DATA: u32 = 12288;

pub struct Guest {
    world: &'static str,
    /// WIT packages beside the contract, and what the world imports of them.
    packages: Vec<&'static str>,
    world_imports: String,
    items: String,
    functions: Vec<(String, String)>,
    schema: String,
    name: String,
    contract: Option<(&'static str, &'static str)>,
    pages: u32,
    keeps_lent: bool,
}

impl Guest {
    pub fn extractor() -> Self {
        let ahead = format!(r#"(param i32 i32 i32) (result i32) (i32.const {ZEROS})"#);
        let next = ahead.clone();
        let configure = format!("(param i32 i32 i32 i32) (result i32) (i32.const {ZEROS})");
        let start = format!("(result i32) (i32.const {ZEROS})");
        Self::of("extractor", &[("configure", configure), ("start", start), ("next", next), ("ahead", ahead)])
    }

    pub fn transform() -> Self {
        let configure = format!("(param i32 i32) (result i32) (i32.const {ZEROS})");
        let apply = format!("(param i32) (result i32) (i32.const {ZEROS})");
        Self::of("transform", &[("configure", configure), ("apply", apply)])
    }

    pub fn check() -> Self {
        let configure = format!("(param i32 i32) (result i32) (i32.const {ZEROS})");
        let observe = format!("(param i32 i32 i32) (result i32) (i32.const {ZEROS})");
        // The verdict's `observed` has to be JSON text: `1`, at DATA.
        let finish = format!(
            "(param i64 i64 i32 i64 i64 i32 i32) (result i32)
             (i32.store8 (i32.const {DATA}) (i32.const 0x31))
             (i32.store (i32.const {}) (i32.const {DATA}))
             (i32.store (i32.const {}) (i32.const 1))
             (i32.const {RESULT})",
            RESULT + 16,
            RESULT + 20
        );
        Self::of("check", &[("configure", configure), ("observe", observe), ("finish", finish)])
    }

    fn of(world: &'static str, functions: &[(&str, String)]) -> Self {
        Self {
            world,
            packages: Vec::new(),
            world_imports: String::new(),
            items: String::new(),
            functions: functions.iter().map(|(name, body)| ((*name).to_owned(), body.clone())).collect(),
            schema: r#"{"type":"object"}"#.to_owned(),
            name: "guest".to_owned(),
            contract: None,
            pages: 2,
            keeps_lent: false,
        }
    }

    /// Replaces the instructions of a function of the contract; parameters are `$0`, `$1` and so on.
    pub fn body(mut self, function: &str, instructions: &str) -> Self {
        let slot = self.functions.iter_mut().find(|(name, _)| name == function).unwrap();
        let signature_end = slot.1.find("(result i32)").unwrap() + "(result i32)".len();
        slot.1.truncate(signature_end);
        slot.1.push_str(instructions);
        self
    }

    /// Imports, helper functions and data of the core module; imports have to come first.
    pub fn items(mut self, items: &str) -> Self {
        self.items.push_str(items);
        self
    }

    /// A WIT package beside the contract, and interfaces of it that the world imports.
    pub fn package(mut self, wit: &'static str, interfaces: &[&str]) -> Self {
        self.packages.push(wit);
        for interface in interfaces {
            self.world_imports.push_str(&format!("import {interface};\n"));
        }
        self
    }

    pub fn schema(mut self, schema: &str) -> Self {
        self.schema = schema.to_owned();
        self
    }

    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Memory to begin with, in units of 64 KiB; two.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Does not give back what it was lent.
    pub fn keeps_lent(mut self) -> Self {
        self.keeps_lent = true;
        self
    }

    /// Replaces a text in the contract, as an older or newer draft would have it.
    pub fn contract_with(mut self, from: &'static str, to: &'static str) -> Self {
        self.contract = Some((from, to));
        self
    }

    pub fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let mut contract = String::new();
        for file in ["types", "http", "extractor", "transform", "check"] {
            let text = std::fs::read_to_string(format!("{}/../../wit/{file}.wit", env!("CARGO_MANIFEST_DIR")));
            let text = text.unwrap();
            // One file may name its package once.
            contract.push_str(&if contract.is_empty() {
                text
            } else {
                text.replacen("package dpone:plugin@0.1.0;", "", 1)
            });
        }
        let mut version = "0.1.0";
        if let Some((from, to)) = self.contract {
            assert!(contract.contains(from), "the contract has no `{from}`");
            contract = contract.replace(from, to);
            if from.contains("0.1.0") {
                version = to.split_once('@').map_or(to, |(_, version)| version.trim_end_matches(';'));
            }
        }
        resolve.push_str("contract.wit", &contract).unwrap();
        for (index, package) in self.packages.iter().enumerate() {
            resolve.push_str(format!("extra{index}.wit"), package).unwrap();
        }
        let world = format!(
            "package test:guest; world guest {{ include dpone:plugin/{}-plugin@{version}; {} }}",
            self.world, self.world_imports
        );
        let package = resolve.push_str("world.wit", &world).unwrap();
        let world = resolve.packages[package].worlds["guest"];
        let mut module = wat::parse_str(self.module(version)).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }

    fn module(&self, version: &str) -> String {
        let escape = |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let words: Vec<u32> = {
            let (name, schema) = (self.name.len() as u32, self.schema.len() as u32);
            vec![64, name, 64 + name, 5, 64 + name + 5, schema]
        };
        let description: String =
            words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect();
        let functions: String = self.functions.iter().map(|(name, body)| self.function(name, body, version)).collect();
        format!(
            r#"(module
              (import "dpone:plugin/{lender}@{version}" "[resource-drop]{lent}" (func $give_back (param i32)))
              {items}
              (memory (export "memory") {pages})
              (global $heap (mut i32) (i32.const 65536))
              (data (i32.const 16) "{description}")
              (data (i32.const 64) "{name}1.2.3{schema}")
              (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $p i32) (local $have i32)
                (local.set $p (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.set $heap (i32.add (local.get $p) (local.get 3)))
                (local.set $have (i32.mul (memory.size) (i32.const 65536)))
                (if (i32.gt_u (global.get $heap) (local.get $have))
                  (then (drop (memory.grow (i32.add (i32.const 1)
                    (i32.div_u (i32.sub (global.get $heap) (local.get $have)) (i32.const 65536)))))))
                (local.get $p))
              (func (export "dpone:plugin/{world}@{version}#describe") (result i32) (i32.const 16))
              {functions})"#,
            lender = if self.world == "extractor" { "pages" } else { "batches" },
            lent = self.lent(),
            pages = self.pages,
            items = self.items,
            name = escape(&self.name),
            schema = escape(&self.schema),
            world = self.world,
        )
    }

    /// The handles that the guest borrows in the calls that hand it data.
    fn lent(&self) -> &'static str {
        if self.world == "extractor" { "page" } else { "batch" }
    }

    /// A guest has to give back what it was lent, so such a function is wrapped in one that does.
    fn function(&self, name: &str, body: &str, version: &str) -> String {
        let export = format!("(export \"dpone:plugin/{}@{version}#{name}\")", self.world);
        let arguments = match name {
            "next" | "observe" => "i32 i32 i32",
            "apply" => "i32",
            _ => return format!("(func {export} {body})\n"),
        };
        let count = arguments.split(' ').count();
        let give_back = if self.keeps_lent { "" } else { "(call $give_back (local.get 0))" };
        let passed: String = (0..count).map(|index| format!("(local.get {index})")).collect();
        format!(
            "(func ${name} {body})
             (func {export} (param {arguments}) (result i32) (local $answer i32)
               (local.set $answer (call ${name} {passed}))
               {give_back}
               (local.get $answer))\n"
        )
    }
}
