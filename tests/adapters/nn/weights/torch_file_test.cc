// .pth files that scripts/golden/weight_files.py wrote, and pickles by hand that ask for more than
// tensors.
#include "adapters/nn/weights/torch_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "adapters/nn/weights/unpickle.h"
#include "harness/core/text.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace looktwice::weights {
namespace {

using testing::names_all;
using testing::refusal;

std::vector<std::byte> seed(const std::string& name) {
  return test::bytes_of(test::data_path("fuzz/torch_file/" + name));
}

std::string refused(const std::string& pickle) {
  return refusal(Kind::model, [&] { (void)unpickled(std::as_bytes(std::span(pickle)), "x.pth"); });
}

TEST(TorchFile, ReadsAStateDict) {
  for (const char* name : {"ordered.pth", "plain.pth", "protocol4.pth"}) {
    const auto bytes = seed(name);
    const TorchFile file = torch_file(bytes, name);
    ASSERT_EQ(file.tensors.size(), 4u) << name;
    const TensorBytes& weight = file.tensors.at("layer.weight");
    EXPECT_EQ(weight.type, NumberType::f32);
    EXPECT_EQ(weight.shape, (Shape{2, 3}));
    const auto* values = reinterpret_cast<const float*>(weight.bytes.data());
    for (int i = 0; i < 6; ++i) EXPECT_EQ(values[i], static_cast<float>(i) - 2.5f) << name;
    EXPECT_EQ(file.tensors.at("half").type, NumberType::bf16);
    // The second row of a tensor whose storage is shared.
    const TensorBytes& row = file.tensors.at("row");
    EXPECT_EQ(row.shape, Shape{3});
    EXPECT_EQ(reinterpret_cast<const float*>(row.bytes.data())[0], 0.5f);
    EXPECT_EQ(file.tensors.at("count").shape, Shape{});
  }
}

TEST(TorchFile, AskingForAnythingElseIsRefusedAndNamed) {
  EXPECT_TRUE(names_all(refused("\x80\x02"
                                "cposix\nsystem\n)R."),
                        {"x.pth", "posix system"}));
  const auto bytes = seed("evil.pth");
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)torch_file(bytes, "evil.pth"); }),
                        {"evil.pth", "posix system"}));
}

// A directory may name the same bytes of the file a thousand times; read one by one they would be
// more than there is memory.
TEST(TorchFile, StoragesTogetherAreNoLargerThanTheFile) {
  const auto bytes = seed("again.pth");
  ASSERT_LT(bytes.size(), 4 * 4000u);
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)torch_file(bytes, "again.pth"); }),
                        {"again.pth", "data/", "4000 bytes, more than"}));
}

// Whatever could run, in the two opcodes that name a global, called, built or only named. The
// canary would be there if anything did.
TEST(TorchFile, EveryOtherGlobalIsRefusedByName) {
  const std::filesystem::path canary =
      std::filesystem::path(::testing::TempDir()) / "looktwice_pickle_canary";
  std::filesystem::remove(canary);
  const std::string command = "touch " + canary.string();
  const auto text = [](const std::string& word) {  // SHORT_BINUNICODE
    return "\x8c" + std::string(1, static_cast<char>(word.size())) + word;
  };
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{
           {"os", "system"},
           {"posix", "system"},
           {"nt", "system"},
           {"subprocess", "Popen"},
           {"subprocess", "call"},
           {"builtins", "eval"},
           {"builtins", "exec"},
           {"builtins", "getattr"},
           {"builtins", "__import__"},
           {"builtins", "open"},
           {"__builtin__", "eval"},
           {"importlib", "import_module"},
           {"runpy", "_run_code"},
           {"pty", "spawn"},
           {"shutil", "rmtree"},
           {"socket", "socket"},
           {"webbrowser", "open"},
           {"copyreg", "_reconstructor"},
           {"operator", "attrgetter"},
           {"functools", "partial"},
           {"types", "FunctionType"},
           {"marshal", "loads"},
           {"pickle", "loads"},
           {"_codecs", "encode"},
           {"codecs", "open"},
           {"ctypes", "CDLL"},
           {"collections", "defaultdict"},
           {"torch", "load"},
           {"torch", "Tensor"},
           {"torch.storage", "_load_from_bytes"},
           {"torch.jit", "load"},
           {"torch.hub", "load"},
           {"torch._utils", "_rebuild_tensor"},
           {"torch._utils", "_rebuild_qtensor"},
           {"torch", "QInt8Storage"},
           {"numpy.core.multiarray", "_reconstruct"},
           {"torch._utils", "_rebuild_tensor_v2.__globals__"},
           {"", ""},
           {"torch FloatStorage", ""}}) {
    const std::string by_line = "c" + module + "\n" + name + "\n",
                      by_stack = text(module) + text(name) + "\x93",
                      by_mark = "(i" + module + "\n" + name + "\n";  // INST
    for (const std::string& global : {by_line, by_stack, by_mark})
      for (const std::string& rest :
           {text(command) + "\x85R.", std::string("."), std::string(")\x81."),
            text(command) + "\x85R0}.", std::string("0}.")}) {
        const std::string error = refused("\x80\x04" + global + rest);
        EXPECT_TRUE(names_all(error, {"x.pth", module, name}))
            << module << "." << name << ": " << error;
        EXPECT_NE(error, "");
      }
  }
  EXPECT_FALSE(std::filesystem::exists(canary));
}

TEST(TorchFile, CutAndTransposedAreRefused) {
  auto bytes = seed("ordered.pth");
  bytes.resize(bytes.size() / 2);
  EXPECT_NE(refusal(Kind::model, [&] { (void)torch_file(bytes, "x"); }), "");
  const auto transposed = seed("transposed.pth");
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)torch_file(transposed, "x"); }),
                        {"'t'", "row order"}));
}

TEST(TorchFile, AChangedByteOfAStorageIsFoundByItsChecksum) {
  auto bytes = seed("ordered.pth");
  const float value = -2.5f;
  const auto* wanted = reinterpret_cast<const std::byte*>(&value);
  const auto at = std::search(bytes.begin(), bytes.end(), wanted, wanted + sizeof value);
  ASSERT_NE(at, bytes.end());
  *at ^= std::byte{1};
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)torch_file(bytes, "x"); }), {"data/"}));
}

TEST(TorchFile, BrokenPicklesAreRefused) {
  using namespace std::string_literals;
  for (const std::string& pickle :
       {""s, "."s, "\x80\x02."s, "\x80\x02}"s, "\x80\x09}."s, "\x80\x02K"s, "\x80\x02}h\x05s."s,
        "\x80\x02(u."s, "\x80\x02}(K\x01u."s, "\x80\x02}K\x01K\x02s."s, "\x80\x02]."s,
        "\x80\x02X\xff\xff\xff\xff"s,
        "\x80\x02"
        "cx"s,
        "\x80\x02\x8a\x09"s, "\x80\x02)Q."s, "\x80\x02}}b"s, "\x80\x02(R."s})
    EXPECT_NE(refused(pickle), "") << printable(pickle);
}

}  // namespace
}  // namespace looktwice::weights
