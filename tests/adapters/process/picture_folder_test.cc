#include "adapters/process/picture_folder.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::TemporaryFolder;

class PictureFolderTest : public ::testing::Test {
 protected:
  Picture picture(const std::string& name, int seed = 1) {
    const auto path = looktwice::testing::ramp_picture(
        data_, "secret_defect/" + std::to_string(seed) + ".ppm", 4, 3, seed);
    return Picture(name, {.path = path}, std::make_shared<looktwice::testing::NetpbmCodec>());
  }
  TemporaryFolder data_;
  PictureFolder folder_;
};

TEST_F(PictureFolderTest, HoldsCopiesUnderNeutralNames) {
  const Picture wanted = picture("3f9ae1.ppm");
  const std::string file = folder_.file(wanted, {});
  EXPECT_EQ(file, (folder_.path() / "3f9ae1.ppm").string());
  EXPECT_EQ(file_bytes(file), wanted.bytes());
  struct stat status {};
  ASSERT_EQ(::lstat(file.c_str(), &status), 0);
  EXPECT_TRUE(S_ISREG(status.st_mode));
  EXPECT_EQ(status.st_nlink, 1u) << "no link back into the data set";
  ASSERT_EQ(::stat(folder_.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(PictureFolderTest, MakesNamesPlain) {
  for (const char* name :
       {"../../x.png", "-rf.png", ".hidden", "a b.png", "x\n.png", "\xFF.png", ""}) {
    const std::filesystem::path file = folder_.file(picture(name), {});
    EXPECT_EQ(file.parent_path(), folder_.path());
    EXPECT_EQ(file.filename().string().find_first_not_of("0123456789abcdef"), std::string::npos)
        << name;
  }
}

TEST_F(PictureFolderTest, TurnsOtherKindsIntoPng) {
  const std::filesystem::path file = folder_.file(picture("a.ppm"), {".png", ".jpg"});
  EXPECT_EQ(file.extension(), ".png");
  const auto bytes = file_bytes(file);
  EXPECT_EQ(static_cast<char>(bytes[1]), 'P');
  EXPECT_EQ(static_cast<char>(bytes[2]), 'N');
  EXPECT_EQ(std::filesystem::path(folder_.file(picture("a.ppm"), {".ppm"})).extension(), ".ppm");
}

TEST_F(PictureFolderTest, KeepsWhatIsInUseAndTheLastFewOthers) {
  const std::string held = folder_.file(picture("held.ppm"), {});
  for (int i = 0; i < 200; ++i)
    folder_.release(folder_.file(picture(std::to_string(i) + ".ppm"), {}));
  const auto files = std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  EXPECT_EQ(files, 65);
  EXPECT_TRUE(std::filesystem::exists(held));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "199.ppm"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "0.ppm"));
}

TEST_F(PictureFolderTest, IsGoneWithItsOwner) {
  std::filesystem::path path;
  {
    PictureFolder other;
    path = other.path();
    other.file(picture("a.ppm"), {});
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PictureFolderTest, RefusesFilesThatDoNotLieInIt) {
  std::ofstream(folder_.path() / "good.npy") << "x";
  std::filesystem::create_directories(folder_.path() / "sub");
  std::ofstream(folder_.path() / "sub/good.npy") << "x";
  std::filesystem::create_symlink("/etc/passwd", folder_.path() / "out.npy");
  std::filesystem::create_symlink("good.npy", folder_.path() / "inside.npy");
  std::filesystem::create_directory_symlink("/etc", folder_.path() / "etc");
  const std::string whole = (folder_.path() / "good.npy").string();
  for (const std::string& name : {std::string("good.npy"), std::string("./sub/../good.npy"), whole,
                                  std::string("sub/good.npy"), std::string("inside.npy")})
    EXPECT_NO_THROW(folder_.left_by_program(name)) << name;
  for (const std::string& name :
       {std::string("gone.npy"), std::string("out.npy"), std::string("etc/passwd"),
        std::string("../x.npy"), std::string("/etc/passwd"), std::string("/proc/self/environ"),
        std::string("/dev/zero"), std::string("."), std::string(""),
        std::string("file:///etc/passwd"), std::string("https://example.org/x.npy"),
        folder_.path().string() + "x/a.npy", std::string("good.npy\0x", 10),
        std::string("..\\good.npy")})
    EXPECT_NE(looktwice::testing::refusal(Kind::data, [&] { folder_.left_by_program(name); }), "")
        << name;
}

}  // namespace
}  // namespace looktwice::adapters
