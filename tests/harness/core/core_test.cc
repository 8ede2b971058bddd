// Hashes, permutations, pictures, the reading of options and those of decoding.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <tuple>

#include "harness/core/decoding.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/image.h"
#include "harness/core/options.h"
#include "harness/core/random.h"
#include "tests/support/pictures.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;

TEST(Hash, Crc32cIsThatOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
  // Eight bytes at a time and one by one.
  std::string bytes;
  for (int i = 0; i < 61; ++i) bytes += static_cast<char>(i * 151 + 7);
  for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
    std::uint32_t one_by_one = 0;
    for (const char byte : bytes.substr(begin)) one_by_one = crc32c({&byte, 1}, one_by_one);
    EXPECT_EQ(crc32c(bytes.substr(begin)), one_by_one) << begin;
  }
}

TEST(Hash, Sha256IsThatOfFips180) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Random, PermutationIsNumPys) {
  // numpy.random.RandomState(42).permutation(10)
  EXPECT_EQ(permutation(10, 42), (std::vector<std::uint32_t>{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}));
  EXPECT_TRUE(permutation(0, 1).empty());
  EXPECT_EQ(permutation(1, 1), std::vector<std::uint32_t>{0});
}

std::string refusal(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Options, ArgumentsAreNamesAndValues) {
  const Arguments given = arguments_of("reply=no,max-tokens=3,path=\"a,b=c\",empty=");
  EXPECT_EQ(given,
            (Arguments{{"reply", "no"}, {"max_tokens", "3"}, {"path", "a,b=c"}, {"empty", ""}}));
  EXPECT_TRUE(arguments_of("").empty());
}

TEST(Options, WrongArgumentsAreNamed) {
  EXPECT_NE(refusal([] { arguments_of("reply"); }).find("name=value"), std::string::npos);
  EXPECT_NE(refusal([] { arguments_of("a=1,a=2"); }).find("a is given twice"), std::string::npos);
  EXPECT_NE(refusal([] { arguments_of("a=\"1"); }).find("not closed"), std::string::npos);
  EXPECT_NE(refusal([] { arguments_of("=1"); }).find("name=value"), std::string::npos);
}

struct Sample1 {
  std::string reply = "yes";
  int count = 3;
  double rate = 0.5;
  bool loud = false;
  void visit(auto&& option) {
    option("reply", reply, "text");
    option("count", count, "how many");
    option("rate", rate, "share");
    option("loud", loud, "noise");
  }
};

TEST(Options, AreParsedListedAndLoggedFromOnePlace) {
  const auto options = parsed<Sample1>("model x", {{"count", "7"}, {"loud", "true"}});
  EXPECT_EQ(options.count, 7);
  EXPECT_TRUE(options.loud);
  EXPECT_EQ(as_used(options),
            (Arguments{{"reply", "yes"}, {"count", "7"}, {"rate", "0.5"}, {"loud", "true"}}));
  EXPECT_EQ(option_list<Sample1>()[2].type, std::string("number"));
}

TEST(Options, MistakesAreNamedWithASuggestion) {
  EXPECT_NE(refusal([] {
              parsed<Sample1>("model x", {{"reply_", "a"}});
            }).find("did you mean 'reply'"),
            std::string::npos);
  for (const char* bad : {"", "1.5", "seven", "9999999999999", " 1", "0x10"})
    EXPECT_NE(refusal([&] {
                parsed<Sample1>("model x", {{"count", bad}});
              }).find("count="),
              std::string::npos)
        << bad;
  for (const char* bad : {"nan", "inf", "1e999", "1,5", ""})
    EXPECT_NE(refusal([&] {
                parsed<Sample1>("model x", {{"rate", bad}});
              }).find("rate="),
              std::string::npos)
        << bad;
}

TEST(DecodingOptions, GiveWhatTheQuestionLeavesAtItsDefault) {
  const DecodingOptions said{.temperature = 0.7, .top_p = 0.9, .seed = 5};
  const Decoding got = said.applied_to({.max_new_tokens = 8, .stop = {"x"}}, 3);
  EXPECT_EQ(got.temperature, 0.7);
  EXPECT_EQ(got.top_p, 0.9);
  EXPECT_EQ(got.seed, 5u);
  EXPECT_EQ(got.max_new_tokens, 8);
  EXPECT_EQ(got.stop, std::vector<std::string>{"x"});
  const Decoding own = said.applied_to({.temperature = 0.2, .top_p = 0.5}, 3);
  EXPECT_EQ(own.temperature, 0.2);
  EXPECT_EQ(own.top_p, 0.5);
}

TEST(DecodingOptions, WithoutAnyNothingChangesButTheSeedOfTheRun) {
  const Decoding got = DecodingOptions{}.applied_to({}, 3);
  EXPECT_EQ(got.temperature, 0);
  EXPECT_EQ(got.top_p, 1);
  EXPECT_EQ(got.seed, 3u);
  EXPECT_EQ(DecodingOptions{}.applied_to({.seed = 9}, 3).seed, 9u);
}

// A judge's tries have seeds of their own, of which one may be that of the options.
TEST(DecodingOptions, NoTwoTriesShareASeed) {
  const DecodingOptions said{.seed = 2};
  std::set<std::uint64_t> seeds;
  for (std::uint64_t i = 0; i < 5; ++i) seeds.insert(said.applied_to({.seed = i}, 0).seed);
  EXPECT_EQ(seeds.size(), 5u);
}

TEST(DecodingOptions, RangesAreNamedWithTheirOwner) {
  const auto why = [](const DecodingOptions& options) {
    return refusal([&] { options.check("model x"); });
  };
  EXPECT_EQ(why({}), "accepted");
  EXPECT_EQ(why({.temperature = 2, .top_p = 1e-3, .seed = 7}), "accepted");
  EXPECT_EQ(why({.temperature = -0.1}), "model x: temperature must be from 0 to 2, not -0.1");
  EXPECT_EQ(why({.temperature = 2.5}), "model x: temperature must be from 0 to 2, not 2.5");
  EXPECT_EQ(why({.top_p = 0}), "model x: top_p must be above 0, at most 1, not 0");
  EXPECT_EQ(why({.top_p = 1.01}), "model x: top_p must be above 0, at most 1, not 1.01");
  EXPECT_EQ(why({.seed = -1}), "model x: seed must be 0 or more, not -1");
  EXPECT_NE(why({.temperature = std::nan("")}), "accepted");
  EXPECT_NE(why({.top_p = std::nan("")}), "accepted");
}

class FileBytes : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  const fs::path folder_ =
      fs::temp_directory_path() / ("looktwice_core_" + std::to_string(::getpid()));
};

TEST_F(FileBytes, RefusesWhatIsNoRegularFile) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { file_bytes(fifo); }).find("not a regular file"), std::string::npos);
  EXPECT_NE(refusal([&] { file_bytes(folder_); }).find("not a regular file"), std::string::npos);
  EXPECT_NE(refusal([&] { file_bytes("/dev/zero"); }).find("not a regular file"),
            std::string::npos);
  EXPECT_NE(refusal([&] { file_bytes(folder_ / "none\n\x1b"); }).find("none\\n\\x1B"),
            std::string::npos);
}

TEST_F(FileBytes, HasALimit) {
  std::ofstream(folder_ / "five") << "12345";
  EXPECT_EQ(file_bytes(folder_ / "five").size(), 5u);
  EXPECT_NE(refusal([&] { file_bytes(folder_ / "five", 4); }).find("limit of 4"),
            std::string::npos);
}

TEST(Image, CropIsClippedToThePicture) {
  const Image image{.width = 3, .height = 2, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};
  const Image part = crop(image, {.x = 1, .y = 0, .width = 9, .height = 1});
  EXPECT_EQ(part.width, 2);
  EXPECT_EQ(part.height, 1);
  EXPECT_EQ(part.pixels, (std::vector<std::uint8_t>{2, 3}));
}

TEST(Image, LargerPicturesAreShrunkByTheRule) {
  const testing::NetpbmCodec codec;
  // int(1024 * other / longest), as the script of VisA-D&R truncates; never enlarged.
  for (const auto& [width, height, to_width, to_height] :
       {std::tuple(1300, 900, 1024, 708), std::tuple(900, 1300, 708, 1024),
        std::tuple(1025, 1025, 1024, 1024), std::tuple(1024, 700, 1024, 700),
        std::tuple(640, 480, 640, 480), std::tuple(1500, 1, 1024, 1)}) {
    Image image{.width = width, .height = height, .channels = 1};
    image.pixels.resize(static_cast<std::size_t>(width) * height);
    const Image made = prepared(std::move(image), {.longest_side = 1024}, codec);
    EXPECT_EQ(made.width, to_width);
    EXPECT_EQ(made.height, to_height);
  }
}

TEST(Image, APictureIsCutThenShrunk) {
  const testing::TemporaryFolder folder;
  const auto codec = std::make_shared<testing::NetpbmCodec>();
  const ImageFile file{.path = testing::ramp_picture(folder, "a.ppm", 40, 20, 1),
                       .region = Region{0, 0, 30, 20}};
  const Picture picture("name.png", file, codec, {.longest_side = 15});
  const Image image = picture.decode();
  EXPECT_EQ(image.width, 15);
  EXPECT_EQ(image.height, 10);
  EXPECT_EQ(codec->decode(picture.bytes()).width, 15);  // what programs and servers get
  EXPECT_TRUE(Picture().empty());
  EXPECT_THROW(Picture().bytes(), Error);
}

}  // namespace
}  // namespace looktwice
