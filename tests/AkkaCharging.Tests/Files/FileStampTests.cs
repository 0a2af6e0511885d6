using AkkaCharging.Files;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Files;

[Trait("Category", "Component")]
public sealed class FileStampTests : IDisposable
{
    private static readonly DateTime Written = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
    private readonly string _folder = Directory.CreateTempSubdirectory("stamp-").FullName;

    private string Watched => Path.Combine(_folder, "watched");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void UntouchedFile_HasTheSameStamp_AlsoThroughALink()
    {
        Write(Watched, "one");
        var link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, Watched);

        Assert.NotNull(FileStamp.TryGet(Watched));
        Assert.Equal(FileStamp.TryGet(Watched), FileStamp.TryGet(Watched));
        Assert.Equal(FileStamp.TryGet(Watched), FileStamp.TryGet(link));
    }

    [Fact]
    public void RenamedOverWithTheSameSizeAndTime_HasAnotherStamp()
    {
        Write(Watched, "one");
        var before = FileStamp.TryGet(Watched);

        Write(Watched + ".new", "two");
        File.Move(Watched + ".new", Watched, overwrite: true);

        Assert.NotEqual(before, FileStamp.TryGet(Watched));
    }

    /// <summary>The time of the last write is set back by a copy that keeps times; the last change is not.</summary>
    [Fact]
    public async Task WrittenInPlaceWithTheSameSizeAndTime_HasAnotherStamp()
    {
        Write(Watched, "one");
        var before = FileStamp.TryGet(Watched);

        // The file system's clock ticks every few milliseconds.
        await Eventually.HoldsAsync(
            () =>
            {
                Write(Watched, "two");
                return FileStamp.TryGet(Watched) != before;
            },
            "the stamp differs"
        );
    }

    [Fact]
    public void LinkTwoFoldersUpSwapped_HasAnotherStamp()
    {
        foreach (var version in new[] { "v1", "v2" })
        {
            Directory.CreateDirectory(Path.Combine(_folder, version, "a", "b"));
            Write(Path.Combine(_folder, version, "a", "b", "file"), version);
        }

        var current = Path.Combine(_folder, "current");
        Directory.CreateSymbolicLink(current, "v1");
        var file = Path.Combine(current, "a", "b", "file");
        var before = FileStamp.TryGet(file);
        Directory.Delete(current);
        Directory.CreateSymbolicLink(current, "v2");

        Assert.NotNull(before);
        Assert.NotEqual(before, FileStamp.TryGet(file));
    }

    [Fact]
    public void NoFile_HasNoStamp() => Assert.Null(FileStamp.TryGet(Watched));

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/dev")]
    [InlineData("pipe")]
    public async Task DeviceFolderOrPipe_IsNotRegular_AndIsNotOpened(string path)
    {
        path = Path.Combine(_folder, path);
        if (!Path.Exists(path))
            await Pipes.MakeAsync(path);

        Assert.False(FileStamp.TryGet(path)!.Value.IsRegular);
        Assert.Equal(
            "it is not a regular file",
            Assert.Throws<IOException>(() => RegularFile.Open(path).Dispose()).Message
        );
    }

    private static void Write(string path, string text)
    {
        File.WriteAllText(path, text);
        File.SetLastWriteTimeUtc(path, Written);
    }
}
