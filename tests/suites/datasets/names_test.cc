// Names of files: which count, how they become ids, which are twins, which are no files at all.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice::datasets {
namespace {

namespace fs = std::filesystem;
using testing::ids_of;
using testing::loaded;
using testing::Miniature;
using testing::warns;
using Strings = std::vector<std::string>;

TEST(Names, SuffixesCountInAnyCaseAndClutterDoesNot) {
  for (const char* name : {"a.png", "a.PNG", "a.JPG", "a.jpeg", "a.JPEG", "a.bmp", "a.tif",
                           "a.TIFF", "a.webp", "x.y.png"})
    EXPECT_TRUE(is_image_name(name)) << name;
  for (const char* name : {"a.gif", "a.txt", "apng", ".png", "._a.png", ".DS_Store", "Thumbs.db",
                           "thumbs.db", "a.png.part", ""})
    EXPECT_FALSE(is_image_name(name)) << name;
  EXPECT_EQ(stem_of("b/x.y.png"), "x.y");
  EXPECT_EQ(stem_of("b.c/x"), "x");
}

TEST(Names, IdsAreOneLineOfUtf8AndCanBeUndone) {
  EXPECT_EQ(id_of("bottle/test/good/000.png"), "bottle/test/good/000.png");
  EXPECT_EQ(id_of("\xE7\x93\xB6/\xC3\xA9 1.png"), "\xE7\x93\xB6/\xC3\xA9 1.png");
  EXPECT_EQ(id_of("caf\xE9/new\nline\x7F.png"), "caf%E9/new%0Aline%7F.png");
  EXPECT_EQ(id_of("50%#1.png"), "50%25%231.png");
  EXPECT_EQ(relative_of("a%23b.png#patch03"), "a#b.png");
  EXPECT_EQ(relative_of("odd%zz%4"), "odd%zz%4");
  std::mt19937 generator(7);
  std::set<std::string> ids;
  for (int round = 0; round < 3000; ++round) {
    std::string name;
    const int length = static_cast<int>(generator() % 12);
    for (int i = 0; i < length; ++i) name += static_cast<char>(1 + generator() % 255);
    const std::string id = id_of(name);
    EXPECT_EQ(relative_of(id), name) << "seed 7, round " << round;
    EXPECT_TRUE(is_valid_utf8(id)) << "seed 7, round " << round;
    EXPECT_EQ(id.find_first_of("\n\r\x7F#"), id.npos) << "seed 7, round " << round;
  }
}

TEST(Names, TwinsByCaseAndNormalisationAreTold) {
  const std::string composed = "caf\xC3\xA9.png", decomposed = "cafe\xCC\x81.png";
  EXPECT_EQ(twin_key(composed), twin_key(decomposed));
  EXPECT_EQ(twin_key("CAF\xC3\x89.PNG"), twin_key(decomposed));
  EXPECT_EQ(twin_key("A.PNG"), twin_key("a.png"));
  EXPECT_NE(twin_key("a.png"), twin_key("b.png"));
  Miniature mini;
  for (const std::string& name : {composed, decomposed, std::string("a.png"), std::string("A.png")})
    mini.picture("test/good/" + name);
  const Dataset set = loaded("folder", mini.path());
  EXPECT_EQ(set.test.size(), 4u);
  EXPECT_TRUE(warns(set, "2 x names differ only by case or Unicode form"));
}

TEST(Names, LongNamesAndEveryByteSurviveAListing) {
  Miniature mini;
  const std::string longest = std::string(251, 'x') + ".png";
  for (const std::string& name : {longest, std::string("new\nline.png"),
                                  std::string("\xFF\xFE.png"), std::string("\x1B[31m.png")})
    mini.picture("test/good/" + name);
  const Dataset set = loaded("folder", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{"test/good/%1B[31m.png", "test/good/%FF%FE.png",
                                  "test/good/new%0Aline.png", "test/good/" + longest}));
  for (const Sample& sample : set.test)
    EXPECT_FALSE(file_bytes(sample.image.path).empty()) << sample.id;
}

// What is no picture stays a sample and fails by name, so that it is seen.
TEST(Names, ThingsThatAreNoFilesFailOneByOne) {
  Miniature mini;
  mini.picture("test/good/000.png");
  mini.text("test/good/001.png", "");
  ASSERT_EQ(::mkfifo(mini.path("test/good/002.png").c_str(), 0600), 0);
  fs::create_symlink("003.png", mini.path("test/good/003.png"));
  fs::create_symlink("nowhere.png", mini.path("test/good/004.png"));
  fs::create_symlink("000.png", mini.path("test/good/005.png"));
  const Dataset set = loaded("folder", mini.path());
  ASSERT_EQ(set.test.size(), 6u);
  EXPECT_NO_THROW(file_bytes(set.test[0].image.path));
  EXPECT_TRUE(file_bytes(set.test[1].image.path).empty());
  for (const std::size_t i : {2u, 3u, 4u}) {
    try {
      file_bytes(set.test[i].image.path);
      ADD_FAILURE() << set.test[i].id;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("00" + std::to_string(i) + ".png: "),
                std::string::npos)
          << error.what();
    }
  }
  EXPECT_NO_THROW(file_bytes(set.test[5].image.path));
}

TEST(Names, LinksOutOfTheSetAreRefused) {
  Miniature outside;
  outside.picture("secret.png");
  outside.picture("test/good/000.png");
  for (const char* where : {"test/good/link.png", "test/link", "ground_truth/bad/link.png"}) {
    Miniature mini;
    mini.picture("test/good/000.png");
    mini.picture("test/bad/000.png");
    mini.mask("ground_truth/bad/000.png", 255);
    fs::create_symlink(outside.path(std::string(where).ends_with(".png") ? "secret.png" : ""),
                       mini.path(where));
    try {
      loaded("folder", mini.path());
      ADD_FAILURE() << where;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what())
                    .find(std::string(where) + ": a symbolic link that leads out of"),
                std::string::npos)
          << error.what();
    }
  }
  // The root itself may be a link: that is the user's own word.
  Miniature mini;
  fs::create_symlink(outside.path(), mini.path("set"));
  EXPECT_EQ(loaded("folder", mini.path("set")).test.size(), 1u);
}

TEST(Names, IdsDoNotHangOnWhereTheFolderLies) {
  Miniature mini;
  mini.pictures("one/test/good/", 0, 5, ".png");
  mini.pictures("one/test/bad/", 0, 5, ".JPG");
  fs::create_directories(mini.path("elsewhere"));
  fs::copy(mini.path("one"), mini.path("elsewhere/two"), fs::copy_options::recursive);
  EXPECT_EQ(ids_of(loaded("folder", mini.path("one"))),
            ids_of(loaded("folder", mini.path("elsewhere/two"))));
}

}  // namespace
}  // namespace looktwice::datasets
