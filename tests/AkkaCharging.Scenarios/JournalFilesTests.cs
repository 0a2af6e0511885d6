using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// A SQLite journal whose files are removed under the service, that two processes try to own, or that other users could
/// read.
/// </summary>
[Trait("Category", "Scenario")]
[UnsupportedOSPlatform("windows")]
public sealed class JournalFilesTests : IDisposable
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int Pending = 10;
    private readonly ScenarioFolder _folder = new();

    private string JournalPath => Path.Combine(_folder.Path, "journal.db");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("-wal", "-shm")]
    [InlineData(".lock")]
    [InlineData(".key")]
    public async Task FilesBesideTheDatabaseRemoved_IsTold_AndNothingThatWasAcceptedIsLostByAKill(
        params string[] removed
    )
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var ids = new List<string>();
        await using (var service = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path))
        {
            await SubmitAsync(service, receiver, ids);
            foreach (var file in removed)
                File.Delete(JournalPath + file);
            await SubmitAsync(service, receiver, ids);

            await Eventually.HoldsAsync(
                () =>
                    service.Process.Output.Any(line =>
                        line.Contains(
                            $"removed or replaced under this process: journal.db{removed[0]}",
                            StringComparison.Ordinal
                        )
                    ),
                "the loss is told"
            );
            await service.Process.CrashAsync();
        }

        await receiver.OpenGateAsync();
        await using var next = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path);
        await AssertDeliveredAsync(next, ids);
    }

    [Fact]
    public async Task DatabaseRemoved_IsDown_AndWhatItHeldIsSavedForTheNextStart()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var ids = new List<string>();
        string saved;
        await using (var service = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path))
        {
            await SubmitAsync(service, receiver, ids);
            File.Delete(JournalPath);

            using (var refusal = await service.SubmitAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken))
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, refusal.StatusCode);
                Assert.Equal(
                    "journal_unavailable",
                    (await refusal.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString()
                );
            }

            await Eventually.HoldsAsync(
                () => Directory.GetFiles(_folder.Path, "journal.db.saved-*").Length == 1,
                "what it held is saved"
            );
            saved = Directory.GetFiles(_folder.Path, "journal.db.saved-*").Single();
            await Eventually.HoldsAsync(
                async () =>
                    (await JournalHealthAsync(service)).Contains(Path.GetFileName(saved), StringComparison.Ordinal),
                "health says where"
            );
            Assert.Contains("\"DOWN\"", await JournalHealthAsync(service), StringComparison.Ordinal);
            await Eventually.HoldsAsync(
                () =>
                    service.Process.Output.Any(line =>
                        line.Contains("put the copy in its place", StringComparison.Ordinal)
                    ),
                "the log says what to do"
            );
            await service.Process.CrashAsync();
        }

        File.Move(saved, JournalPath);
        await receiver.OpenGateAsync();
        await using var next = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path);
        await AssertDeliveredAsync(next, ids);
    }

    [Theory]
    [InlineData("lock removed")]
    [InlineData("runtime's locks off")]
    [InlineData("symbolic link")]
    public async Task SecondProcess_Waits_WhateverItIsTriedWith_AndEachCallbackGoesOutOnce(string way)
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        // Callbacks wait at the gate until the second process has started: none of them may time out meanwhile.
        List<(string, string)> more = [("CALLBACK_TIMEOUT_MILLIS", "600000")];
        if (way == "runtime's locks off")
            more.Add(("DOTNET_SYSTEM_IO_DISABLEFILELOCKING", "1"));
        var ids = new List<string>();
        await using var first = await ServiceProcess.StartAsync(journal.Settings([.. more]), _folder.Path);
        await SubmitAsync(first, receiver, ids);
        if (way == "lock removed")
            File.Delete(JournalPath + ".lock");
        if (way == "symbolic link")
        {
            File.CreateSymbolicLink(Path.Combine(_folder.Path, "link.db"), JournalPath);
            more.Add(("JOURNAL_PATH", "link.db"));
        }

        await using var second = ServiceProcess.Launch(journal.Settings([.. more]), _folder.Path);
        var holder = $"process {first.Process.Id.ToString(CultureInfo.InvariantCulture)} on ";
        await Eventually.HoldsAsync(
            async () => await second.StatusOfAsync("/health/live") == HttpStatusCode.OK,
            "the second process lives"
        );
        await Eventually.HoldsAsync(
            async () => (await JournalHealthAsync(second)).Contains(holder, StringComparison.Ordinal),
            "it names the holder"
        );
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await second.StatusOfAsync("/health/ready"));
        await SubmitAsync(first, receiver, ids);
        await receiver.OpenGateAsync();

        await AssertDeliveredAsync(first, ids);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await second.StatusOfAsync("/health/ready"));
        Assert.Equal(
            ids.Order(StringComparer.Ordinal),
            (await receiver.ReceivedAsync()).Select(arrival => arrival.WebhookId).Order(StringComparer.Ordinal)
        );
        await first.Process.CrashAsync();
        await Eventually.HoldsAsync(
            async () => await second.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
            "the second process takes over"
        );
    }

    [Fact]
    public async Task UmaskOf0_FilesAndFolderAreTheOwnersAlone()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("JOURNAL_KIND", JournalHome.Sqlite), ("JOURNAL_PATH", "data/of/it/journal.db")),
            _folder.Path,
            launcher: ["sh", "-c", "umask 0; exec \"$@\"", "sh"]
        );
        await SubmitAsync(service, receiver, []);

        Assert.All(
            ["data", "data/of", "data/of/it"],
            folder =>
                Assert.Equal(
                    OwnersFile | UnixFileMode.UserExecute,
                    File.GetUnixFileMode(Path.Combine(_folder.Path, folder))
                )
        );
        var files = Directory.GetFiles(Path.Combine(_folder.Path, "data/of/it"));
        Assert.Equal(6, files.Length); // the database, -wal, -shm, .lock, .owner, .key
        Assert.All(files, file => Assert.Equal((file, OwnersFile), (file, File.GetUnixFileMode(file))));
    }

    /// <summary>Submits until so many are accepted, as a client that repeats what was answered 503 does.</summary>
    private static async Task SubmitAsync(ServiceProcess service, RecordingReceiver receiver, List<string> ids)
    {
        for (var accepted = 0; accepted < Pending; )
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    using var answer = await service.SubmitAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);
                    if (answer.StatusCode != HttpStatusCode.OK)
                        return false;
                    ids.Add(
                        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("requestId").GetString()!
                    );
                    return true;
                },
                "a submission is accepted"
            );
            accepted++;
        }
    }

    private static async Task<string> JournalHealthAsync(ServiceProcess service) =>
        (await service.ComponentAsync("journal")).GetRawText();

    private static Task AssertDeliveredAsync(ServiceProcess service, List<string> ids) =>
        Eventually.HoldsAsync(
            async () =>
            {
                foreach (var id in ids)
                {
                    using var answer = await service.Http.GetAsync($"{ServiceProcess.SubmitPath}/{id}");
                    if (
                        answer.StatusCode != HttpStatusCode.OK
                        || (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("state").GetString()
                            != "delivered"
                    )
                        return false;
                }

                return true;
            },
            "what was accepted is delivered"
        );
}
