//! DP03: plugins.

crate::codes! { Plugin:
    NOT_FOUND = "DP0301", AfterFix, "a plugin cannot be found",
        "`uses` names `builtin:NAME`, a path beside the manifest, or a name along `--plugin-path` and `DPONE_PLUGIN_PATH`. `dpone plugin list` shows what is there.";
    NOT_A_COMPONENT = "DP0302", AfterFix, "a file is not a WebAssembly component",
        "The file is truncated, damaged, or a core module. Build it with `cargo build --target wasm32-wasip2` (`rustup target add wasm32-wasip2` installs the target), or turn a core module into a component with `wasm-tools component new`.";
    DIGEST = "DP0303", AfterFix, "a plugin is not the one that the manifest pins",
        "The sha256 of the file differs from `sha256` in the manifest. Review the new file, then change the pin.";
    FORBIDDEN_IMPORT = "DP0304", AfterFix, "a plugin asks for something that no plugin gets",
        "A component may import `dpone:plugin/*`, and `wasi:*` into an empty context. Anything else is refused when it is loaded.";
    WRONG_WORLD = "DP0305", AfterFix, "a plugin is of another kind",
        "Extractors, transforms and checks are different worlds; the message names what the component exports and what the manifest needs here.";
    WRONG_VERSION = "DP0306", AfterFix, "a plugin was built against another version of the contract",
        "The WIT is a draft until the first release. Rebuild the plugin with the SDK of this release.";
    NOT_GRANTED = "DP0307", AfterFix, "a plugin asked for something that it was not granted",
        "Add the grant to the manifest if the plugin should have it; `dpone plan` shows what each plugin asks for and gets.";
    COMPILE_LIMIT = "DP0308", AfterFix, "a plugin takes too long or too much memory to compile",
        "Components are compiled in a child process with a time and a memory limit. A component of ordinary size compiles in seconds.";
    PLUGIN_ERROR = "DP0309", AfterFix, "a plugin refused its input",
        "The plugin understood the call and said no. The message is its own.";
    DEADLINE = "DP0310", AfterFix, "a plugin exceeded its deadline",
        "A call may compute for `limits.deadline` (1 s) and last `limits.wall_clock` (10 s) in all; what the host does for it counts. A call that needs more is stopped, and the run with it.";
    MEMORY = "DP0311", AfterFix, "a plugin exceeded its memory limit",
        "`limits.memory` (128 MiB) bounds a plugin's memory, and for itself what the host holds for one of its calls. Raise it in the manifest, or make the pages smaller.";
    TRAP = "DP0312", AfterFix, "a plugin crashed",
        "The component trapped: a panic, an out-of-bounds access, a stack overflow. The message holds the panic's text where the plugin gave one.";
    OUTPUT = "DP0313", AfterFix, "a plugin's output is too large",
        "`limits.output` (64 MiB) bounds what one call may return, and `limits.state` (64 KiB) what an extractor or a slicer keeps from call to call.";
    BAD_OUTPUT = "DP0314", AfterFix, "a plugin's output is not valid",
        "What the plugin returned is not what its contract says: invalid JSON, a column of the wrong length, a field it did not declare.";
    REQUEST_REFUSED = "DP0315", AfterFix, "a plugin asked for a request that the manifest does not allow",
        "By default a plugin varies query parameters and body fields under the manifest's method, origin and path. Anything else is a grant.";
    CACHE = "DP0317", Now, "the cache of compiled plugins is damaged",
        "An entry's checksum does not fit; it was removed and the plugin will be compiled anew.";
    COMPILE_FAILED = "DP0318", AfterFix, "a plugin cannot be compiled",
        "The component is well-formed but the compiler rejects it. The message quotes the compiler.";
    LOCK_CHANGED = "DP0330", AfterFix, "a plugin is not as the lock file says",
        "The lock file beside the manifest holds the digest and the authority of each plugin as they were reviewed. A plugin changed, may do more, or is not in it; the message lists the difference. Review it, then run `dpone plugin lock MANIFEST`.";
    LOCK_MISSING = "DP0331", AfterFix, "there is no lock file",
        "`--locked` demands the lock file beside the manifest. `dpone plugin lock MANIFEST` writes it; it belongs into version control.";
    LOCK_INVALID = "DP0332", AfterFix, "the lock file is not valid",
        "It was damaged, edited by hand, or written by another release. `dpone plugin lock MANIFEST` writes it anew; review the difference in version control.";
    UNSIGNED = "DP0333", AfterFix, "a plugin is not signed",
        "`--require-signed` demands a minisign signature, `FILE.wasm.minisig` beside the component, by a key that is trusted. `minisign -S -s KEY -m FILE.wasm` makes one. Built-in plugins are part of the program and need none.";
    OTHER_SIGNER = "DP0334", AfterFix, "a plugin is signed by a key that is not trusted",
        "The message names the key's id and those that are trusted. Give the signer's public key with a further `--require-signed`, if its plugins may run.";
    SIGNATURE_OF_OTHER_BYTES = "DP0335", AfterFix, "a signature does not fit the plugin",
        "The signature is by a trusted key, but of other bytes, or its comment was changed. The component or its signature was replaced or damaged; fetch both again.";
    SIGNATURE_DAMAGED = "DP0336", AfterFix, "a signature file cannot be read",
        "A minisign signature has four lines: a comment, the signature, a trusted comment, and the signature of both. Signatures in the old form without a prehash are refused; sign again with minisign 0.11 or newer.";
    SIGNER_KEY = "DP0337", AfterFix, "a public key cannot be used",
        "`--require-signed` takes a minisign public key file, as `minisign -G` writes it: a comment and one line that begins with `RW`. The secret key stays with the signer.";
    OCI_REFERENCE = "DP0340", AfterFix, "a reference to a registry cannot be used",
        "A component is named by `oci://HOST/REPOSITORY[:TAG]@sha256:DIGEST`; the digest is required, because a tag may move. `dpone plugin push FILE.wasm oci://HOST/REPOSITORY:TAG` prints the reference.";
    OCI_NOT_FOUND = "DP0341", AfterFix, "a component is not in the registry",
        "The registry does not know the repository or the digest, or hides them from this user. Check the reference; `DPONE_OCI_USERNAME` and `DPONE_OCI_PASSWORD` log in.";
    OCI_DIGEST = "DP0342", AfterFix, "a registry served other bytes than its digest says",
        "The digest in the reference, or the one in the registry's manifest, does not fit what was served. Nothing was kept. Something between this host and the registry changes content, or the registry is damaged.";
    OCI_UNREACHABLE = "DP0343", Later, "a registry cannot be reached",
        "Name resolution, connection or TLS failed after all attempts, or the registry kept failing. A component that was pulled once lies in the cache and needs no registry.";
    OCI_MEDIA_TYPE = "DP0344", AfterFix, "an artifact in a registry is no component",
        "A component has a manifest with a config of type `application/vnd.wasm.config.v0+json` and one layer of type `application/wasm`. Container images, indexes and older WebAssembly artifacts are refused. Push the component anew.";
    OCI_TOO_LARGE = "DP0345", AfterFix, "a component in a registry is too large",
        "A component may have 64 MiB, as many as the host compiles. Build it for release and strip it.";
    OCI_DENIED = "DP0346", AfterFix, "a registry refuses access",
        "`DPONE_OCI_USERNAME` and `DPONE_OCI_PASSWORD` log in; with `DPONE_OCI_REGISTRY=host[:port]` they go to that registry alone. A token service of another origin gets them only if `DPONE_OCI_TOKEN_ORIGIN` names it.";
    OCI_ANSWER = "DP0347", AfterFix, "a registry's answer is not understood",
        "The host answers, but not as the OCI distribution specification says. The message quotes it. Check host and port.";
    NO_PROJECT = "DP0350", AfterFix, "there is no plugin project here",
        "A project is a folder with a Cargo.toml, a pyproject.toml or a package.json that names the plugin. `dpone plugin new` writes one.";
    TOOL_MISSING = "DP0351", AfterFix, "a tool that the build needs is not installed",
        "Rust plugins need cargo and the target wasm32-unknown-unknown, Python plugins Python 3.10 or newer with venv and pip, JavaScript plugins Node.js 20 or newer with npm.";
    BUILD_FAILED = "DP0352", AfterFix, "a plugin could not be built",
        "The language's own tool says why, on standard error above this message. Nothing was written into the project but the tools' own folders.";
    CASE_BROKEN = "DP0353", AfterFix, "a recorded case is incomplete or damaged",
        "A case is a folder with `case.yaml`, pages numbered from `pages/0001.body` on, and `expected.json`. `sdk/README.md` describes the files.";
    NO_CASES = "DP0354", AfterFix, "there is no recorded case to run",
        "Cases lie under `cases/NAME/` of the project. `dpone record RUN` makes one of a real run.";
}
