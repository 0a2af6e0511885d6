using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Files;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization.Acl;

[Trait("Category", "Component")]
public sealed class AclAuthorizerTests : IDisposable
{
    private const string Allows = "token\n" + Queries.Token + "\n";
    private const string AllowsNobody = "token\n";
    private const string Broken = "token\n" + Queries.Token + "\n!\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("acl-").FullName;
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private readonly List<AclReload> _reloads = [];

    private string File => Path.Combine(_folder, "acl.csv");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void MissingFileAtStart_IsAClearError()
    {
        var error = Assert.Throws<InvalidAclException>(() => new AclAuthorizer(File, _time));

        Assert.Equal(
            $"ACL file '{File}' cannot be used:\n  there is no such file; authorization.acl.file names it, "
                + "relative to the working directory",
            error.Message
        );
    }

    [Fact]
    public void FolderInPlaceOfTheFile_IsAClearError() =>
        Assert.Equal(
            ["it is not a regular file"],
            Assert.Throws<InvalidAclException>(() => new AclAuthorizer(_folder, _time)).Problems
        );

    [Fact]
    public void BrokenFileAtStart_ListsItsLines()
    {
        Write(Broken);

        Assert.StartsWith(
            "line 3: token '***'",
            Assert.Throws<InvalidAclException>(() => new AclAuthorizer(File, _time)).Problems.Single(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task ChangedFile_IsInForceAfterTwoPollsThatAgree()
    {
        using var acl = Start(Allows);
        Assert.Equal(new AclStatus(1, Queries.Now, LastError: null, Reloads: 0, FailedReloads: 0), acl.Status);

        Write(AllowsNobody);
        await PollAsync(acl);
        Assert.True(await IsAllowedAsync(acl));
        await PollAsync(acl);
        Assert.False(await IsAllowedAsync(acl));
        await PollAsync(acl);

        Assert.Equal(
            new AclStatus(0, Queries.Now.AddSeconds(2), LastError: null, Reloads: 1, FailedReloads: 0),
            acl.Status
        );
        Assert.True(Assert.Single(_reloads).Succeeded);
    }

    [Fact]
    public async Task FileStillBeingWritten_IsNotRead()
    {
        using var acl = Start(Allows);

        for (var i = 0; i < 5; i++)
        {
            Write(Broken + new string('!', i));
            await PollAsync(acl);
        }

        Assert.Empty(_reloads);
        Assert.False(acl.Status.LastReloadFailed);
    }

    [Fact]
    public async Task UnchangedFile_IsNotReadAgain()
    {
        using var acl = Start(Allows);

        await PollAsync(acl, times: 5);

        Assert.Empty(_reloads);
    }

    [Fact]
    public async Task BrokenFile_KeepsTheListAndIsReportedOnce_AndMendedIsTakenUp()
    {
        using var acl = Start(Allows);

        Write(Broken);
        await PollAsync(acl, times: 5);

        Assert.True(await IsAllowedAsync(acl));
        Assert.True(acl.Status.LastReloadFailed);
        Assert.Contains("\n  line 3: token '***'", acl.Status.LastError, StringComparison.Ordinal);
        Assert.DoesNotContain(Queries.Token, acl.Status.LastError, StringComparison.Ordinal);
        Assert.Equal((1, 0, 1), (acl.Status.RuleCount, acl.Status.Reloads, acl.Status.FailedReloads));
        var failure = Assert.Single(_reloads);
        Assert.False(failure.Succeeded);
        Assert.Single(failure.Problems);

        Write(Allows);
        await PollAsync(acl, times: 2);

        Assert.Equal(
            new AclStatus(1, Queries.Now.AddSeconds(7), LastError: null, Reloads: 1, FailedReloads: 1),
            acl.Status
        );
    }

    [Fact]
    public async Task VanishedFile_KeepsTheListAndIsReportedOnce_AndBackIsTakenUp()
    {
        using var acl = Start(Allows);

        var aside = File + ".aside";
        System.IO.File.Move(File, aside);
        await PollAsync(acl, times: 5);
        Assert.True(await IsAllowedAsync(acl));
        Assert.Contains("there is no such file", acl.Status.LastError, StringComparison.Ordinal);
        Assert.Equal(1, acl.Status.FailedReloads);

        System.IO.File.Move(aside, File);
        await PollAsync(acl, times: 2);
        Assert.False(acl.Status.LastReloadFailed);
        Assert.Equal(2, _reloads.Count);
    }

    [Fact]
    public async Task UnreadableFile_IsTriedAgainButReportedOnce()
    {
        using var acl = Start(Allows);

        // This one lets itself be opened but not read, also by root.
        System.IO.File.Delete(File);
        System.IO.File.CreateSymbolicLink(File, "/proc/self/mem");
        await PollAsync(acl, times: 5);
        Assert.True(await IsAllowedAsync(acl));
        Assert.Equal(1, acl.Status.FailedReloads);
        Assert.Single(_reloads);

        System.IO.File.Delete(File);
        Write(AllowsNobody);
        await PollAsync(acl, times: 2);
        Assert.False(acl.Status.LastReloadFailed);
    }

    [Fact]
    public async Task PipeInPlaceOfTheFile_IsReportedOnce_AndAFileAgainIsTakenUp()
    {
        using var acl = Start(Allows);

        await Pipes.MakeAsync(File);
        await PollAsync(acl, times: 5);
        Assert.True(await IsAllowedAsync(acl));
        Assert.Equal(["it is not a regular file"], Assert.Single(_reloads).Problems);
        Assert.True(acl.Status.LastReloadFailed);

        System.IO.File.Delete(File);
        Write(AllowsNobody);
        await PollAsync(acl, times: 2);
        Assert.False(await IsAllowedAsync(acl));
        Assert.False(acl.Status.LastReloadFailed);
    }

    [Fact]
    public async Task PipeAtStart_IsAClearError()
    {
        await Pipes.MakeAsync(File);

        Assert.Equal(
            ["it is not a regular file"],
            Assert.Throws<InvalidAclException>(() => new AclAuthorizer(File, _time)).Problems
        );
    }

    [Fact]
    public async Task FileThatHangsWhoeverOpensIt_IsReported_AndTakenUpOnceItCanBeRead()
    {
        using var acl = Start(Allows);
        Write(AllowsNobody);
        using (var hanging = new HangingFile(File))
        {
            await PollAsync(acl);
            _time.Advance(FileWatch.PollInterval);
            await Eventually.HoldsAsync(() => Task.FromResult(hanging.IsAwaited), "the list is being opened");
            _time.Advance(FileWatch.HungAfter);

            Assert.True(await IsAllowedAsync(acl));
            Assert.Contains("its disk or share hangs", acl.Status.LastError, StringComparison.Ordinal);
        }

        await acl.Polling;
        await PollAsync(acl, times: 2);
        Assert.False(await IsAllowedAsync(acl));
        Assert.False(acl.Status.LastReloadFailed);
    }

    [Fact]
    public async Task FileRenamedOverWithTheSameSizeAndTime_IsTakenUp()
    {
        var written = Queries.Now.UtcDateTime;
        Write(Allows);
        System.IO.File.SetLastWriteTimeUtc(File, written);
        using var acl = new AclAuthorizer(File, _time, _reloads.Add);

        System.IO.File.WriteAllText(File + ".new", Allows.Replace('0', '1'));
        System.IO.File.SetLastWriteTimeUtc(File + ".new", written);
        System.IO.File.Move(File + ".new", File, overwrite: true);
        await PollAsync(acl, times: 2);

        Assert.False(await IsAllowedAsync(acl));
    }

    [Fact]
    public async Task ConfigMapSwappedByItsLink_IsTakenUp()
    {
        var written = Queries.Now.UtcDateTime;
        foreach (var (version, csv) in new[] { ("..v1", Allows), ("..v2", Allows.Replace('0', '1')) })
        {
            Directory.CreateDirectory(Path.Combine(_folder, version));
            System.IO.File.WriteAllText(Path.Combine(_folder, version, "acl.csv"), csv);
            System.IO.File.SetLastWriteTimeUtc(Path.Combine(_folder, version, "acl.csv"), written);
        }

        var data = Path.Combine(_folder, "..data");
        Directory.CreateSymbolicLink(data, "..v1");
        System.IO.File.CreateSymbolicLink(File, "..data/acl.csv");
        using var acl = new AclAuthorizer(File, _time, _reloads.Add);
        Assert.True(await IsAllowedAsync(acl));

        Directory.Delete(data);
        Directory.CreateSymbolicLink(data, "..v2");
        await PollAsync(acl, times: 2);

        Assert.False(await IsAllowedAsync(acl));
        Assert.Single(_reloads);
    }

    [Fact]
    public async Task Disposed_DoesNotLookAnyMore()
    {
        var acl = Start(Allows);
        acl.Dispose();

        Write(AllowsNobody);
        await PollAsync(acl, times: 3);

        Assert.True(await IsAllowedAsync(acl));
    }

    private AclAuthorizer Start(string csv)
    {
        Write(csv);
        return new AclAuthorizer(File, _time, _reloads.Add);
    }

    private void Write(string csv) => System.IO.File.WriteAllText(File, csv);

    private async Task PollAsync(AclAuthorizer acl, int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            _time.Advance(FileWatch.PollInterval);
            await acl.Polling;
        }
    }

    private static async Task<bool> IsAllowedAsync(AclAuthorizer acl) =>
        await acl.AuthorizeAsync(Queries.Some(), default) == AuthorizerAnswer.AllowedByList;
}
