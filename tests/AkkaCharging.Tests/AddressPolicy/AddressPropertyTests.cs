using System.Net;
using System.Net.Sockets;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;
using CsCheck;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>Laws of the policy over random addresses and texts.</summary>
[Trait("Category", "Unit")]
public sealed class AddressPropertyTests
{
    private static readonly Gen<byte[]> FourBytes = Gen.Byte.Array[4];

    /// <summary>
    /// Random bytes, and bytes near the borders of the special networks, where random ones never come.
    /// </summary>
    private static readonly Gen<byte[]> IPv4 = Gen.OneOf(
        FourBytes,
        Gen.Select(
            Pick<byte>(0, 9, 10, 11, 100, 126, 127, 128, 168, 169, 172, 192, 198, 203, 223, 224, 239, 240, 255),
            Pick<byte>(0, 15, 16, 18, 19, 20, 31, 32, 51, 52, 63, 64, 88, 100, 127, 128, 167, 168, 175, 254),
            Pick<byte>(0, 1, 2, 48, 99, 100, 113, 129, 169, 193, 196),
            Pick<byte>(0, 1, 16, 192, 200, 254, 255),
            (a, b, c, d) => new[] { a, b, c, d }
        )
    );

    private static readonly Gen<byte[]> IPv6 = Gen.Select(
        Gen.OneOf(
            Gen.UShort,
            Pick<ushort>(
                0,
                0x64,
                0x100,
                0x1fff,
                0x2000,
                0x2001,
                0x2002,
                0x2003,
                0x2620,
                0x3ffe,
                0x3fff,
                0x4000,
                0x5f00,
                0xfc00,
                0xfd00,
                0xfe80,
                0xfec0,
                0xff02
            )
        ),
        Gen.OneOf(
            Gen.UShort,
            Pick<ushort>(0, 1, 0x1ff, 0x200, 0xdb7, 0xdb8, 0xdb9, 0x4f, 0xff9b, 0xfff, 0x1000, 0xec2)
        ),
        Gen.OneOf(Gen.UShort, Pick<ushort>(0, 1, 2, 0x7fff, 0x8000, 0x8001)),
        Gen.Byte.Array[10],
        (a, b, c, rest) => (byte[])[(byte)(a >> 8), (byte)a, (byte)(b >> 8), (byte)b, (byte)(c >> 8), (byte)c, .. rest]
    );

    /// <summary>Every form that carries four bytes of IPv4, as prefix, carried bytes and suffix.</summary>
    private static readonly (string Name, Func<byte[], byte[], byte[]> Embed)[] EmbeddingForms =
    [
        ("compatible", (v4, _) => [.. Bytes("000000000000000000000000"), .. v4]),
        ("mapped", (v4, _) => [.. Bytes("00000000000000000000ffff"), .. v4]),
        ("SIIT", (v4, _) => [.. Bytes("0000000000000000ffff0000"), .. v4]),
        ("NAT64", (v4, _) => [.. Bytes("0064ff9b0000000000000000"), .. v4]),
        ("NAT64, local /48", (v4, random) => [.. Bytes("0064ff9b0001"), .. v4[..2], 0, .. v4[2..], .. random[..5]]),
        ("NAT64, local /96", (v4, random) => [.. Bytes("0064ff9b0001"), .. random[..6], .. v4]),
        ("6to4", (v4, random) => [.. Bytes("2002"), .. v4, .. random[..10]]),
        ("Teredo server", (v4, random) => [.. Bytes("20010000"), .. v4, .. random[..8]]),
        ("Teredo client", (v4, random) => [.. Bytes("20010000"), .. random[..8], .. v4.Select(part => (byte)~part)]),
        ("ISATAP", (v4, random) => [.. random[..8], .. Bytes("00005efe"), .. v4]),
        ("ISATAP, universal", (v4, random) => [.. random[..8], .. Bytes("02005efe"), .. v4]),
    ];

    [Fact]
    public void EveryEmbeddingForm_IsRefused_WhateverItCarries_AndWhateverIsAllowed()
    {
        var policies = new[] { Policies.Default, Policies.Allowing("::/0", "0.0.0.0/0") };
        var form = Gen.Int[0, EmbeddingForms.Length - 1];

        Gen.Select(form, IPv4, Gen.Byte.Array[16])
            .Sample(
                (index, v4, random) =>
                {
                    var address = new IPAddress(EmbeddingForms[index].Embed(v4, random));

                    foreach (var policy in policies)
                        Assert.False(policy.CheckAddress(address).IsAllowed, $"{EmbeddingForms[index].Name} {address}");
                }
            );
    }

    [Fact]
    public void Nat64_TakesTheVerdictOfTheAddressInside() =>
        IPv4.Sample(v4 =>
        {
            var carrier = new IPAddress([.. Bytes("0064ff9b0000000000000000"), .. v4]);

            Assert.Equal(Policies.Nat64.CheckAddress(new IPAddress(v4)), Policies.Nat64.CheckAddress(carrier));
        });

    [Fact]
    public void CheckAddress_AgreesWithAnIndependentReadingOfTheRegistries()
    {
        IPv4.Sample(
            bytes => Assert.Equal(IsPublicIPv4(bytes), Policies.Default.CheckAddress(new IPAddress(bytes)).IsAllowed),
            iter: 20_000
        );
        IPv6.Sample(
            bytes => Assert.Equal(IsPublicIPv6(bytes), Policies.Default.CheckAddress(new IPAddress(bytes)).IsAllowed),
            iter: 20_000
        );
    }

    [Fact]
    public void CheckUrl_NeverThrows_AndAllowsOnlyWhatUriReadsTheSame()
    {
        var piece = Gen.OneOf(
            Pick(
                "http://",
                "HTTPS://",
                "https:",
                "hooks.example.com",
                "8.8.8.8",
                "127.0.0.1",
                "[2606:4700::1]",
                "[::1]",
                "0x7f",
                "xn--fa-hia",
                "xn--a",
                "com"
            ),
            Pick(
                ".",
                ":",
                ":80",
                ":443",
                "/",
                "?",
                "#",
                "@",
                "\\",
                "%",
                "[",
                "]",
                "-",
                "_",
                "//",
                "..",
                "\0",
                "\n",
                "é",
                "。",
                "１",
                "\ud800"
            ),
            Gen.String
        );
        var text = Gen.OneOf(
            piece.Array[1, 8].Select(string.Concat),
            piece.Array[0, 6].Select(pieces => "https://" + string.Concat(pieces)),
            piece.Array[0, 4].Select(pieces => "https://hooks.example.com" + string.Concat(pieces))
        );

        text.Sample(
            url =>
            {
                if (Policies.Default.CheckUrl(url) is not UrlVerdict.Allowed { Url: var allowed })
                    return;
                Assert.Equal(allowed.Destination.Host, allowed.Uri.Host);
                Assert.Equal(allowed.Destination.Port, allowed.Uri.Port);
                Assert.All(allowed.Text, character => Assert.InRange(character, '!', '~'));
                var end = allowed.Text.AsSpan("https://".Length).IndexOfAny('/', '?');
                var sent = end < 0 ? "" : allowed.Text["https://".Length..][end..];
                Assert.Equal(sent.StartsWith('/') ? sent : "/" + sent, allowed.Uri.PathAndQuery);
            },
            iter: 20_000
        );
    }

    /// <summary>Printable ASCII without <c>#</c> and backslash: all that version 0.1.0 accepted.</summary>
    [Fact]
    public void StoredUrl_IsSentVerbatim_OrAsUriSpellsItWhereRfc3986DoesNotAllowIt()
    {
        var character = Gen.OneOf(Pick('/', '?', '.', '%', '2', 'E', 'e'), Gen.Char['!', '~']);

        Gen.Select(Pick("/", "?"), character.Array[0, 20], Pick("", ".", ":", ".:8080"))
            .Sample(
                (start, characters, end) =>
                {
                    var pathAndQuery = start + new string([.. characters.Where(each => each is not ('#' or '\\'))]);
                    var url = $"https://hooks.example.com{end}{pathAndQuery}";
                    var isMalformed = Policies.AnyPort.CheckUrl(url) is UrlVerdict.Malformed;

                    var sent = CallbackUrl.FromJournal(url).Uri;

                    var verbatim = start is "/" ? pathAndQuery : "/" + pathAndQuery;
                    Assert.Equal(isMalformed ? new Uri(url).PathAndQuery : verbatim, sent.PathAndQuery);
                    Assert.Equal("hooks.example.com", sent.Host);
                    Assert.IsNotType<UrlVerdict.Refused>(Policies.AnyPort.CheckUrl(sent.OriginalString));
                },
                iter: 20_000
            );
    }

    [Fact]
    public void EveryPublicAddress_IsAllowedAsALiteral()
    {
        Gen.OneOf(IPv4, IPv6)
            .Sample(bytes =>
            {
                var address = new IPAddress(bytes);
                var host = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : $"{address}";

                Assert.Equal(
                    Policies.Default.CheckAddress(address).IsAllowed,
                    Policies.Default.CheckUrl($"https://{host}/") is UrlVerdict.Allowed
                );
            });
    }

    // Written from the registries by hand, byte by byte, and on purpose unlike the table it is compared with.
    private static bool IsPublicIPv4(byte[] b) =>
        b switch
        {
            [0 or 10 or 127 or >= 224, ..] => false,
            [100, >= 64 and < 128, ..] => false,
            [168, 63, 129, 16] => false,
            [169, 254, ..] => false,
            [172, >= 16 and < 32, ..] => false,
            [192, 0, 0 or 2, _]
            or [192, 31, 196, _]
            or [192, 52, 193, _]
            or [192, 88, 99, _]
            or [192, 168, ..]
            or [192, 175, 48, _] => false,
            [198, 18 or 19, ..] or [198, 51, 100, _] or [203, 0, 113, _] => false,
            _ => true,
        };

    private static bool IsPublicIPv6(byte[] b) =>
        b switch
        {
            [< 0x20 or > 0x3f, ..] => false,
            [0x20, 0x01, 0x00 or 0x01, ..] or [0x20, 0x01, 0x0d, 0xb8, ..] or [0x20, 0x02, ..] => false,
            [0x26, 0x20, 0x00, 0x4f, 0x80, 0x00, ..] => false,
            [0x3f, 0xff, < 0x10, ..] => false,
            [_, _, _, _, _, _, _, _, <= 3, 0x00, 0x5e, 0xfe, ..] => false,
            _ => true,
        };

    private static Gen<T> Pick<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex);
}
