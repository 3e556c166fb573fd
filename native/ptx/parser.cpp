// Module-level directives, declarations and function bodies.
#include "parser.hpp"

#include <cstring>

#include "module.hpp"

namespace talweg::ptx {

void Cursor::fail(const std::string& message) const { throw LoadError{line(), message}; }

void Cursor::expect(char punctuation) {
  if (!accept(punctuation)) {
    fail(std::string("expected '") + punctuation + "', found '" + std::string(peek().text) + "'");
  }
}

void Cursor::skip_past(char punctuation) {
  while (!accept(punctuation)) {
    if (peek().kind == TokenKind::kEnd) fail(std::string("expected '") + punctuation + "' before the end");
    take();
  }
}

std::string_view Cursor::word() {
  if (peek().kind != TokenKind::kWord) fail("expected a name, found '" + std::string(peek().text) + "'");
  return take().text;
}

int64_t Cursor::integer() {
  const bool minus = accept('-');
  if (peek().kind != TokenKind::kInteger) fail("expected an integer, found '" + std::string(peek().text) + "'");
  const int64_t value = static_cast<int64_t>(take().bits);
  return minus ? -value : value;
}

void Names::open() {
  const int parent = stack_.empty() ? -1 : stack_.back().id;
  stack_.push_back({static_cast<int>(function_.scope_parent.size()), {}, {}});
  function_.scope_parent.push_back(parent);
}

void Names::close() { stack_.pop_back(); }

void Names::add_register(std::string_view name, Type type) {
  stack_.back().registers[name] = static_cast<int>(function_.registers.size());
  function_.registers.push_back({name, type});
}

int Names::find_register(std::string_view name) const {
  for (auto scope = stack_.rbegin(); scope != stack_.rend(); ++scope) {
    auto found = scope->registers.find(name);
    if (found != scope->registers.end()) return found->second;
  }
  return -1;
}

const Variable* Names::find_variable(std::string_view name) const {
  for (auto scope = stack_.rbegin(); scope != stack_.rend(); ++scope) {
    auto found = scope->variables.find(name);
    if (found != scope->variables.end()) return found->second;
  }
  return nullptr;
}

namespace {

Space space_from(std::string_view dotted) {
  if (dotted == ".param") return Space::kParam;
  if (dotted == ".local") return Space::kLocal;
  if (dotted == ".shared") return Space::kShared;
  if (dotted == ".global") return Space::kGlobal;
  if (dotted == ".const") return Space::kConst;
  return Space::kGeneric;
}

// No real program comes near these.
constexpr int64_t kMaxAlign = 4096, kMaxBytes = int64_t{1} << 40, kMaxRegisters = 1 << 20;
constexpr uint64_t kMaxThreadBytes = 512 * 1024;
constexpr int kMaxDepth = 100;
constexpr int kMaxClusterBlocks = 16;

class Parser {
 public:
  explicit Parser(std::string_view source) : cursor_(tokenize(source)) {}

  Translation run() {
    header();
    while (cursor_.peek().kind != TokenKind::kEnd) top_level();
    return std::move(result_);
  }

 private:
  void header() {
    if (!cursor_.accept(".version")) cursor_.fail("a PTX module starts with .version");
    cursor_.take();
    if (!cursor_.accept(".target")) cursor_.fail("expected .target after .version");
    do cursor_.word();
    while (cursor_.accept(','));
    if (cursor_.accept(".address_size") && cursor_.integer() != 64) cursor_.fail("only .address_size 64 is supported");
  }

  void top_level() {
    const Token& token = cursor_.peek();
    if (token.is(".file")) {
      file();
    } else if (token.is(".section")) {
      skip_section();
    } else if (token.is(".pragma") || token.is(".alias")) {
      cursor_.skip_past(';');
    } else if (token.is('@')) {  // @@DWARF lines of old compilers end with the line
      const int line = token.line;
      while (cursor_.line() == line && cursor_.peek().kind != TokenKind::kEnd) cursor_.take();
    } else {
      declaration();
    }
  }

  void file() {
    cursor_.take();
    const int index = static_cast<int>(cursor_.integer());
    if (cursor_.peek().kind != TokenKind::kString) cursor_.fail("expected a file name in quotes");
    result_.files[index] = cursor_.take().text;
    while (cursor_.accept(',')) cursor_.integer();  // time stamp and size
  }

  void skip_section() {
    cursor_.take();
    cursor_.skip_past('{');
    int depth = 1;
    do {
      const Token& token = cursor_.take();
      if (token.is('{')) depth++;
      if (token.is('}')) depth--;
      if (token.kind == TokenKind::kEnd) cursor_.fail("unclosed .section");
    } while (depth > 0);
  }

  void declaration() {
    bool is_extern = false;
    for (;;) {
      if (cursor_.accept(".extern")) is_extern = true;
      else if (!cursor_.accept(".visible") && !cursor_.accept(".weak") && !cursor_.accept(".common")) break;
    }
    if (cursor_.accept(".entry")) {
      function(true);
    } else if (cursor_.accept(".func")) {
      function(false);
    } else if (space_from(cursor_.peek().text) != Space::kGeneric) {
      do {
        result_.variables.push_back(variable(is_extern));
        const Variable& added = result_.variables.back();
        // A variable may be declared extern first and defined later: the last one counts.
        globals_[added.name] = &added;
      } while (more_names());
    } else {
      cursor_.fail("unknown directive '" + std::string(cursor_.peek().text) + "'");
    }
  }

  // `.global .u32 a, b;` declares two: the properties of the first hold for the rest.
  bool more_names() {
    if (cursor_.accept(',')) cursor_.fail("one variable a declaration, please: several names are not supported");
    cursor_.expect(';');
    return false;
  }

  // From the space up to, not including, the closing ';', ',' or ')'.
  Variable variable(bool is_extern) {
    Variable variable;
    variable.line = cursor_.line();
    variable.is_extern = is_extern;
    variable.space = space_from(cursor_.take().text);
    if (cursor_.peek().kind == TokenKind::kPunctuation && cursor_.accept('[')) {  // .const[bank]
      cursor_.integer();
      cursor_.expect(']');
    }
    Type type = Type::kNone;
    int vector = 1;
    while (cursor_.peek().kind == TokenKind::kDotted) {
      const std::string_view word = cursor_.take().text;
      if (word == ".align") variable.align = alignment();
      else if (word == ".v2") vector = 2;
      else if (word == ".v4") vector = 4;
      else if (type_from(word) != Type::kNone) type = type_from(word);
      else if (word != ".ptr" && space_from(word) == Space::kGeneric && word != ".attribute") {
        cursor_.fail("unknown property '" + std::string(word) + "' of a variable");
      }
      if (word == ".attribute") skip_parentheses();
    }
    if (bytes_of(type) == 0) cursor_.fail("a variable needs a type that has a size");
    const int element = bytes_of(type) * vector;
    if (variable.align < static_cast<uint32_t>(element)) variable.align = std::max<uint32_t>(variable.align, element);
    variable.name = cursor_.word();
    uint64_t count = 1;
    bool open_ended = false;
    while (cursor_.accept('[')) {
      if (cursor_.accept(']')) {
        open_ended = true;
        count = 0;
        continue;
      }
      const int64_t length = cursor_.integer();
      if (length < 0 || length > kMaxBytes) cursor_.fail("an array of that length is too large");
      count *= static_cast<uint64_t>(length);
      if (count > static_cast<uint64_t>(kMaxBytes)) cursor_.fail("the array is too large");
      cursor_.expect(']');
    }
    variable.size = count * static_cast<uint64_t>(element);
    const bool of_threads = variable.space == Space::kLocal || variable.space == Space::kParam || variable.space == Space::kShared;
    if (of_threads && variable.size > kMaxThreadBytes) {
      cursor_.fail("'" + std::string(variable.name) + "' has " + std::to_string(variable.size) + " bytes, too many");
    }
    if (cursor_.accept('=')) {
      initialiser(variable, type);
      if (open_ended) variable.size = variable.bytes.size();
      if (variable.bytes.size() > variable.size) cursor_.fail("more initialisers than the variable has room for");
    }
    return variable;
  }

  uint32_t alignment() {
    const int64_t align = cursor_.integer();
    if (align < 1 || align > kMaxAlign || (align & (align - 1)) != 0) cursor_.fail("an alignment is a power of two");
    return static_cast<uint32_t>(align);
  }

  void skip_parentheses() {
    cursor_.expect('(');
    int depth = 1;
    while (depth > 0) {
      const Token& token = cursor_.take();
      if (token.is('(')) depth++;
      if (token.is(')')) depth--;
      if (token.kind == TokenKind::kEnd) cursor_.fail("unclosed '('");
    }
  }

  void initialiser(Variable& variable, Type type, int depth = 0) {
    if (depth > kMaxDepth) cursor_.fail("braces nest too deep");
    if (cursor_.accept('{')) {
      while (!cursor_.accept('}')) {
        initialiser(variable, type, depth + 1);
        if (!cursor_.accept(',') && !cursor_.peek().is('}')) cursor_.fail("expected ',' in an initialiser");
      }
      return;
    }
    const size_t bytes = static_cast<size_t>(bytes_of(type));
    uint64_t bits = 0;
    bool minus = false;
    while (cursor_.accept('-')) minus = !minus;
    const Token& token = cursor_.peek();
    if (token.kind == TokenKind::kWord || (token.kind == TokenKind::kInteger && cursor_.peek(1).is('('))) {
      address_initialiser(variable, static_cast<int>(bytes));
    } else {
      bits = cursor_.take().bits;
      if (token.kind == TokenKind::kInteger) {
        if (minus) bits = 0 - bits;
        if (type == Type::kF32 || type == Type::kF64) cursor_.fail("integer in a floating-point initialiser");
      } else if (token.kind == TokenKind::kFloat64 && type == Type::kF32) {
        double wide;
        std::memcpy(&wide, &bits, 8);
        const float narrow = static_cast<float>(minus ? -wide : wide);
        uint32_t pattern;
        std::memcpy(&pattern, &narrow, 4);
        bits = pattern;
      } else if (token.kind == TokenKind::kFloat32 || token.kind == TokenKind::kFloat64) {
        if (minus) bits ^= token.kind == TokenKind::kFloat32 ? 0x80000000u : 0x8000000000000000u;
      } else {
        cursor_.fail("unexpected '" + std::string(token.text) + "' in an initialiser");
      }
    }
    for (size_t i = 0; i < bytes; i++) variable.bytes.push_back(i < 8 ? static_cast<uint8_t>(bits >> (8 * i)) : uint8_t{0});
  }

  // symbol, symbol+4, generic(symbol)+4, 0xFF00(symbol)
  void address_initialiser(Variable& variable, int bytes) {
    AddressInitialiser address;
    address.line = cursor_.line();
    address.offset = variable.bytes.size();
    address.bytes = bytes;
    int open = 0;
    if (cursor_.peek().kind == TokenKind::kInteger) {
      const uint64_t mask = cursor_.take().bits;
      if (mask == 0) cursor_.fail("empty mask in an initialiser");
      while (((mask >> address.shift) & 0xff) == 0) address.shift += 8;
      address.bytes = 1;
      cursor_.expect('(');
      open++;
    }
    if (cursor_.peek().is("generic") && cursor_.peek(1).is('(')) {
      cursor_.take();
      cursor_.take();
      address.generic = true;
      open++;
    }
    address.symbol = cursor_.word();
    for (;;) {
      if (open > 0 && cursor_.accept(')')) {
        open--;
      } else if (cursor_.peek().is('+') || cursor_.peek().is('-')) {
        const bool minus = cursor_.take().is('-');
        const int64_t addend = cursor_.integer();
        address.addend += minus ? -addend : addend;
      } else {
        break;
      }
    }
    variable.addresses.push_back(address);
  }

  void function(bool is_entry) {
    result_.functions.emplace_back();
    Function& function = result_.functions.back();
    function.is_entry = is_entry;
    function.line = cursor_.line();
    Names names(function);
    names.open();
    if (cursor_.peek().is('(')) parameters(function, names, function.results);
    function.name = cursor_.word();
    if (cursor_.peek().is('(')) parameters(function, names, function.parameters);
    for (;;) {  // performance directives between the signature and the body
      if (cursor_.accept(".maxntid") || cursor_.accept(".reqntid")) {
        int threads = 1;
        do threads *= static_cast<int>(cursor_.integer());
        while (cursor_.accept(','));
        function.max_threads = threads;
      } else if (cursor_.accept(".minnctapersm") || cursor_.accept(".maxnreg") || cursor_.accept(".maxnctapersm")) {
        cursor_.integer();
      } else if (cursor_.accept(".reqnctapercluster")) {
        cluster(function);
      } else if (cursor_.accept(".maxclusterrank")) {
        function.max_cluster_rank = cluster_blocks();
      } else if (cursor_.accept(".explicitcluster")) {
        function.explicit_cluster = true;
      } else if (cursor_.accept(".noreturn")) {
      } else if (cursor_.accept(".pragma")) {
        cursor_.skip_past(';');
      } else {
        break;
      }
    }
    if (cursor_.accept(';')) return;
    cursor_.expect('{');
    function.has_body = true;
    location_ = -1;
    body(function, names, 0);
  }

  // .reqnctapercluster x[, y[, z]]
  void cluster(Function& function) {
    int dimension = 0, blocks = 1;
    do {
      if (dimension == 3) cursor_.fail("a cluster has three dimensions");
      blocks *= function.cluster[dimension++] = cluster_blocks();
      if (blocks > kMaxClusterBlocks) cursor_.fail("no cluster has " + std::to_string(blocks) + " blocks");
    } while (cursor_.accept(','));
    while (dimension < 3) function.cluster[dimension++] = 1;
  }

  int cluster_blocks() {
    const int64_t blocks = cursor_.integer();
    if (blocks < 1 || blocks > kMaxClusterBlocks) cursor_.fail("no cluster has " + std::to_string(blocks) + " blocks");
    return static_cast<int>(blocks);
  }

  void parameters(Function& function, Names& names, std::vector<const Variable*>& list) {
    cursor_.expect('(');
    while (!cursor_.accept(')')) {
      if (!cursor_.peek().is(".param")) cursor_.fail("parameters must be in .param space");
      function.variables.push_back(variable(false));
      names.add_variable(&function.variables.back());
      list.push_back(&function.variables.back());
      cursor_.accept(',');
    }
  }

  // After '{' up to and including the matching '}'.
  void body(Function& function, Names& names, int depth) {
    if (depth > kMaxDepth) cursor_.fail("braces nest too deep");
    while (!cursor_.accept('}')) {
      const Token& token = cursor_.peek();
      if (token.kind == TokenKind::kEnd) cursor_.fail("unclosed '{'");
      if (cursor_.accept('{')) {
        names.open();
        body(function, names, depth + 1);
        names.close();
      } else if (token.kind == TokenKind::kWord && cursor_.peek(1).is(':')) {
        label(function, names);
      } else if (token.is(".reg")) {
        registers(names);
      } else if (token.is(".loc")) {
        loc();
      } else if (token.is(".pragma") || token.is(".branchtargets") || token.is(".callprototype")) {
        cursor_.skip_past(';');
      } else if (token.kind == TokenKind::kDotted && space_from(token.text) != Space::kGeneric) {
        function.variables.push_back(variable(false));
        names.add_variable(&function.variables.back());
        cursor_.expect(';');
      } else if (token.kind == TokenKind::kDotted) {
        cursor_.fail("unknown directive '" + std::string(token.text) + "'");
      } else {
        function.code.push_back(parse_instruction(cursor_, names, globals_));
        function.code.back().location = location_;
      }
    }
  }

  void label(Function& function, Names& names) {
    const std::pair<int, std::string_view> key(names.scope(), cursor_.take().text);
    cursor_.take();
    if (cursor_.accept(".branchtargets")) {
      std::vector<std::string_view>& targets = function.branch_tables[key];
      do targets.push_back(cursor_.word());
      while (cursor_.accept(','));
      cursor_.expect(';');
      return;
    }
    if (!function.labels.emplace(key, function.code.size()).second) {
      cursor_.fail("label '" + std::string(key.second) + "' defined twice");
    }
  }

  // .reg .b32 %r<12>, %x;
  void registers(Names& names) {
    cursor_.take();
    const Type type = type_from(cursor_.peek().text);
    if (type == Type::kNone || (bytes_of(type) == 0 && type != Type::kPred)) cursor_.fail("unknown register type '" + std::string(cursor_.peek().text) + "'");
    cursor_.take();
    do {
      const std::string_view name = cursor_.word();
      if (cursor_.accept('<')) {
        const int64_t count = cursor_.integer();
        if (count < 0 || count > kMaxRegisters) cursor_.fail("too many registers");
        cursor_.expect('>');
        for (int64_t i = 0; i < count; i++) {
          result_.generated_names.push_back(std::string(name) + std::to_string(i));
          names.add_register(result_.generated_names.back(), type);
        }
      } else {
        names.add_register(name, type);
      }
    } while (cursor_.accept(','));
    cursor_.expect(';');
  }

  // .loc file line column[, function_name symbol, inlined_at file line column]
  void loc() {
    cursor_.take();
    Location location;
    location.file = static_cast<int>(cursor_.integer());
    location.line = static_cast<int>(cursor_.integer());
    cursor_.integer();
    while (cursor_.accept(',')) {
      if (cursor_.accept("function_name")) {
        cursor_.word();
        if (cursor_.accept('+')) cursor_.integer();
      } else if (cursor_.accept("inlined_at")) {
        location.caller_file = static_cast<int>(cursor_.integer());
        location.caller_line = static_cast<int>(cursor_.integer());
        cursor_.integer();
      } else {
        cursor_.fail("unknown attribute of .loc");
      }
    }
    // Line 0 marks code of no particular line: the last one that has a line says more.
    if (location.line == 0) return;
    // The place of the call may itself be inlined, as its latest .loc says: the outermost caller is the user's line.
    const auto outer = callers_.find({location.caller_file, location.caller_line});
    const auto caller = outer != callers_.end() && outer->second.second != 0
                            ? outer->second
                            : std::pair{location.caller_file, location.caller_line};
    callers_[{location.file, location.line}] = caller;
    location.caller_file = caller.first;
    location.caller_line = caller.second;
    location_ = static_cast<int>(result_.locations.size());
    result_.locations.push_back(location);
  }

  Cursor cursor_;
  Translation result_;
  std::map<std::string_view, const Variable*> globals_;
  int location_ = -1;
  std::map<std::pair<int, int>, std::pair<int, int>> callers_;  // of inlined places, by file and line
};

}  // namespace

Translation parse(std::string_view source) { return Parser(source).run(); }

}  // namespace talweg::ptx
